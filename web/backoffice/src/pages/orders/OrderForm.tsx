import { useRef, useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { Link, useLocation } from "wouter";
import { useFormat } from "../../ui/format";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { TextField } from "../../ui/TextField";
import { multiply, sum } from "../../ui/money";
import { LineRow } from "./LineRow";
import { ProductPicker } from "./ProductPicker";
import { readQuantity, useOrderForm, type FoundProduct } from "./useOrderForm";

export function OrderForm() {
  const { t } = useTranslation("orders");
  const format = useFormat();
  const [, navigate] = useLocation();
  const form = useOrderForm((id) => navigate(`/orders/${id}`));
  const [added, setAdded] = useState<string | null>(null);
  const element = useRef<HTMLFormElement>(null);
  const { lines, problem, isBusy } = form;
  const subtotals = lines.map(({ product, quantity }) => multiply(product.price, readQuantity(quantity) ?? 0n));
  const total = sum(subtotals);
  const rest = problem?.fields.filter(({ path }) => path !== "shippingAddress" && !/^items\.\d+\./.test(path)) ?? [];

  const add = (product: FoundProduct) => {
    form.add(product);
    setAdded(product.id);
  };
  const remove = (id: string) => {
    form.remove(id);
    element.current?.querySelector<HTMLElement>("[role=combobox]")?.focus();
  };
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (!isBusy && lines.length > 0) void form.submit();
  };
  return (
    <form ref={element} className="card place" onSubmit={submit} aria-busy={isBusy}>
      <ProblemNotice problem={problem && { ...problem, fields: rest }} />
      {problem?.code === "IDEMPOTENCY_CONFLICT" && (
        <div className="conflict">
          <p>{t("sentBefore")}</p>
          <div className="row">
            <Link href="/orders" className="button">
              {t("toOrders")}
            </Link>
            <button type="button" onClick={() => void form.submitAnew()}>
              {t("placeAnother")}
            </button>
          </div>
        </div>
      )}
      <ProductPicker currency={lines[0]?.product.price.currency} chosen={lines.map(({ product }) => product.id)} onChoose={add} />
      {lines.length === 0 ? (
        <p className="soft">{t("noLines")}</p>
      ) : (
        <ul className="lines" aria-label={t("lines")}>
          {lines.map((line, index) => (
            <LineRow
              key={line.product.id}
              line={line}
              isFocused={line.product.id === added}
              problems={problem?.fields.filter(({ path }) => path.startsWith(`items.${index}.`)) ?? []}
              onChange={(quantity) => form.change(line.product.id, { quantity })}
              onTake={(available) => form.change(line.product.id, { quantity: String(available), shortage: null })}
              onRemove={() => remove(line.product.id)}
            />
          ))}
        </ul>
      )}
      <TextField
        label={t("address")}
        name="shippingAddress"
        autoComplete="shipping street-address"
        value={form.shippingAddress}
        onChange={(event) => form.setShippingAddress(event.target.value)}
        problem={problem}
        required
      />
      <p className="total">
        <span>{t("total")}</span> <output aria-live="polite">{total ? format.money(total) : "–"}</output>
      </p>
      <div className="row">
        <button type="submit" className="primary" disabled={isBusy || lines.length === 0}>
          {t("place")}
        </button>
        {lines.length > 0 && (
          <button type="button" disabled={isBusy} onClick={() => form.clear()}>
            {t("clear")}
          </button>
        )}
      </div>
    </form>
  );
}
