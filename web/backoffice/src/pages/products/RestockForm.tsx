import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "urql";
import type { ProductRowFragment } from "../../gql/graphql";
import { useFormat } from "../../ui/format";
import { Dialog } from "../../ui/Dialog";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { TextField } from "../../ui/TextField";
import { problemOfAnswer, problemOfError } from "../../ui/problem";
import { useSubmit } from "../../ui/useSubmit";
import { newKey } from "../../ui/newKey";
import { RESTOCK } from "./documents";

/** A dialog that adds to the stock of a product; with one key, so that what is sent twice arrives once. */
export function RestockForm({ product, onClose }: { product: ProductRowFragment; onClose: () => void }) {
  const { t } = useTranslation("products");
  const format = useFormat();
  const client = useClient();
  const [key, setKey] = useState(newKey);
  const { submit, problem, isBusy } = useSubmit(async ({ quantity }) => {
    const input = { id: product.id, quantity: Number(quantity), idempotencyKey: key };
    const { data, error } = await client.mutation(RESTOCK, { input }).toPromise();
    const result = data?.restockProduct;
    if (result?.__typename === "Product") onClose();
    if (result?.__typename === "IdempotencyConflict") setKey(newKey());
    return problemOfError(error) ?? problemOfAnswer(result);
  });
  const isOther = problem?.code === "IDEMPOTENCY_CONFLICT";
  return (
    <Dialog title={t("restockOf", { name: product.name })} onClose={onClose}>
      <p>
        {t("stock")}: {format.number(product.stockQuantity)}
      </p>
      <form onSubmit={submit} aria-busy={isBusy}>
        <ProblemNotice problem={isOther ? null : problem} beside={["quantity"]} />
        {isOther && (
          <p role="alert" className="conflict">
            {t("sameKey")}
          </p>
        )}
        <TextField label={t("quantity")} name="quantity" type="number" min={1} max={2147483647} step={1} problem={problem} required />
        <button type="submit" className="primary" disabled={isBusy}>
          {isOther ? t("addAnyway") : t("restockIt")}
        </button>
      </form>
    </Dialog>
  );
}
