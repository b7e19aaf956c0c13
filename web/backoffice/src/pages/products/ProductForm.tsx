import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "urql";
import type { Currency, ProductRowFragment } from "../../gql/graphql";
import { Dialog } from "../../ui/Dialog";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { TextField } from "../../ui/TextField";
import { problemOfAnswer, problemOfError, type Problem } from "../../ui/problem";
import { useSubmit, type FormTexts } from "../../ui/useSubmit";
import { newKey } from "../../ui/newKey";
import { ConflictChoice } from "./ConflictChoice";
import { CURRENCIES } from "./currencies";
import { CREATE, UPDATE } from "./documents";
import type { ProductValues } from "./productValues";

function readValues(texts: FormTexts): ProductValues {
  return {
    sku: texts.sku ?? "",
    name: texts.name ?? "",
    description: texts.description?.trim() ? texts.description : null,
    price: {
      amount: (texts["price.amount"] ?? "").trim().replace(",", "."), // a text all the way: no float touches it
      currency: (texts["price.currency"] ?? "EUR") as Currency,
    },
    isActive: texts.isActive === "on",
  };
}

/** Return the problem that a mutation answered; what is in use already is said beside its field. */
function problemOf(answer: { __typename: string; field?: string; message?: string } | undefined): Problem | null {
  const problem = problemOfAnswer(answer);
  if (!problem || !answer?.field) return problem;
  return { ...problem, fields: [{ path: answer.field, message: problem.message }] };
}

interface Props {
  /** What is changed; without it one is created. */
  product?: ProductRowFragment;
  onClose: () => void;
}

/** A dialog that creates a product, or changes one. */
export function ProductForm({ product, onClose }: Props) {
  const { t } = useTranslation("products");
  const client = useClient();
  const [key] = useState(newKey);
  const [base, setBase] = useState(product);
  const [takenVersion, setTakenVersion] = useState<number | null>(null);
  const [keepingProblem, setKeepingProblem] = useState<Problem | null>(null);
  const [conflict, setConflict] = useState<{ mine: ProductValues; theirs: ProductRowFragment } | null>(null);

  const create = async (texts: FormTexts): Promise<Problem | null> => {
    const input = { ...readValues(texts), stockQuantity: Number(texts.stockQuantity), idempotencyKey: key };
    const { data, error } = await client.mutation(CREATE, { input }).toPromise();
    const result = data?.createProduct;
    if (result?.__typename === "Product") onClose();
    return problemOfError(error) ?? problemOf(result);
  };
  const update = async (values: ProductValues, { id, version }: ProductRowFragment): Promise<Problem | null> => {
    const { data, error } = await client.mutation(UPDATE, { input: { id, ...values, expectedVersion: version } }).toPromise();
    const result = data?.updateProduct;
    if (result?.__typename === "Product") onClose();
    if (result?.__typename === "VersionConflict" && result.current?.__typename === "Product") {
      setConflict({ mine: values, theirs: result.current });
      return null;
    }
    setConflict(null);
    return problemOfError(error) ?? problemOf(result);
  };
  const form = useSubmit((texts) => {
    setKeepingProblem(null);
    return base ? update(readValues(texts), base) : create(texts);
  });
  const problem = keepingProblem ?? form.problem;
  const keepMine = async (mine: ProductValues, theirs: ProductRowFragment) => {
    setBase(theirs); // what was typed stays in the form, for whatever is wrong with it
    setKeepingProblem(await update(mine, theirs));
  };

  return (
    <Dialog title={product ? t("editOf", { name: product.name }) : t("create")} onClose={onClose}>
      {conflict && (
        <ConflictChoice
          {...conflict}
          onKeep={() => void keepMine(conflict.mine, conflict.theirs)}
          onTake={() => {
            setBase(conflict.theirs);
            setTakenVersion(conflict.theirs.version);
            setConflict(null);
          }}
        />
      )}
      <form key={takenVersion} onSubmit={form.submit} aria-busy={form.isBusy} hidden={conflict !== null}>
        <ProblemNotice problem={problem} beside={["sku", "name", "description", "price.amount", "stockQuantity"]} />
        <TextField label={t("sku")} name="sku" defaultValue={base?.sku} problem={problem} required autoFocus={takenVersion !== null} />
        <TextField label={t("name")} name="name" defaultValue={base?.name} problem={problem} required />
        <TextField label={t("description")} name="description" defaultValue={base?.description ?? ""} problem={problem} />
        <div className="price">
          <TextField
            label={t("price")}
            name="price.amount"
            inputMode="decimal"
            pattern="\s*[0-9]+([.,][0-9]+)?\s*"
            title={t("priceHint")}
            hint={t("priceHint")}
            defaultValue={base?.price.amount}
            problem={problem}
            required
          />
          <div className="field">
            <label htmlFor="currency">{t("currency")}</label>
            <select id="currency" name="price.currency" defaultValue={base?.price.currency ?? "EUR"}>
              {CURRENCIES.map((code) => (
                <option key={code}>{code}</option>
              ))}
            </select>
          </div>
        </div>
        {!base && (
          <TextField label={t("stockFirst")} name="stockQuantity" type="number" min={0} max={2147483647} defaultValue="0" problem={problem} required />
        )}
        <label className="check">
          <input type="checkbox" name="isActive" defaultChecked={base?.isActive ?? true} />
          <span>{t("isActive")}</span>
        </label>
        <button type="submit" className="primary" disabled={form.isBusy}>
          {base ? t("save") : t("createIt")}
        </button>
      </form>
    </Dialog>
  );
}
