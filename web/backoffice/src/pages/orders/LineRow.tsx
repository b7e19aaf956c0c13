import { useEffect, useId, useRef } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../../ui/format";
import type { FieldProblem } from "../../ui/problem";
import { multiply } from "../../ui/money";
import { readQuantity, type OrderLine } from "./useOrderForm";

const MOST = 2_147_483_647; // what an Int of GraphQL holds

interface Props {
  line: OrderLine;
  /** Whether it has just been added. */
  isFocused: boolean;
  problems: readonly FieldProblem[];
  onChange: (quantity: string) => void;
  onTake: (available: number) => void;
  onRemove: () => void;
}

/** A line of an order that is to be placed, with what is wrong with it. */
export function LineRow({ line, isFocused, problems, onChange, onTake, onRemove }: Props) {
  const { t } = useTranslation("orders");
  const format = useFormat();
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const { product, quantity, shortage } = line;
  useEffect(() => {
    if (isFocused) field.current?.select();
  }, [isFocused]);
  const isWrong = shortage !== null || problems.length > 0;
  return (
    <li>
      <div className="line">
        <span className="name">
          {product.name}
          <span className="soft"> {t("each", { price: format.money(product.price), stock: product.stockQuantity })}</span>
        </span>
        <label htmlFor={id} className="visually-hidden">
          {t("quantityOf", { name: product.name })}
        </label>
        <input
          ref={field}
          id={id}
          type="number"
          min={1}
          max={MOST}
          step={1}
          required
          value={quantity}
          aria-invalid={isWrong || undefined}
          aria-describedby={isWrong ? `${id}-wrong` : undefined}
          onChange={(event) => onChange(event.target.value)}
        />
        <span className="number">{format.money(multiply(product.price, readQuantity(quantity) ?? 0n))}</span>
        <button type="button" className="quiet" aria-label={t("removeOf", { name: product.name })} onClick={onRemove}>
          ×
        </button>
      </div>
      {isWrong && (
        <div id={`${id}-wrong`} className="wrong">
          {shortage && <p>{t("short", { requested: format.number(shortage.requested), available: format.number(shortage.available) })}</p>}
          {problems.map(({ path, message }) => (
            <p key={path} lang="en">
              {message}
            </p>
          ))}
        </div>
      )}
      {shortage && shortage.available > 0 && (
        <button
          type="button"
          onClick={() => {
            onTake(shortage.available);
            field.current?.focus(); // the button goes
          }}
        >
          {t("take", { count: shortage.available })}
        </button>
      )}
    </li>
  );
}
