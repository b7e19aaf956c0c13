import { useId, useState, type KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";
import { useQuery } from "urql";
import type { Currency, ProductFilter } from "../../gql/graphql";
import { useFormat } from "../../ui/format";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { problemOfError } from "../../ui/problem";
import { useDebounced } from "../../ui/useDebounced";
import { FIND_PRODUCTS } from "./documents";
import type { FoundProduct } from "./useOrderForm";

interface Props {
  /** The currency of the order, once it has one. */
  currency?: Currency;
  /** The ids of what is chosen already. */
  chosen: readonly string[];
  onChoose: (product: FoundProduct) => void;
}

function filterOf(text: string, currency?: Currency): ProductFilter {
  return {
    isActive: { eq: true },
    or: [{ name: { contains: text } }, { sku: { contains: text } }],
    ...(currency && { price: { currency } }),
  };
}

/** A field that finds products by a part of their name or SKU, and a list of them to choose from. */
export function ProductPicker({ currency, chosen, onChoose }: Props) {
  const { t } = useTranslation("orders");
  const format = useFormat();
  const id = useId();
  const [text, setText] = useState("");
  const [active, setActive] = useState(0);
  const wanted = useDebounced(text.trim());
  const isWanted = wanted !== "" && text.trim() !== "";
  const [{ data, error, fetching }] = useQuery({
    query: FIND_PRODUCTS,
    variables: { filter: filterOf(wanted, currency) },
    pause: !isWanted,
  });
  const isCurrent = isWanted && wanted === text.trim() && !fetching;
  const found = isWanted && data ? data.products.nodes.filter((product) => !chosen.includes(product.id)) : [];
  const marked = Math.min(active, found.length - 1);

  const choose = (product: FoundProduct) => {
    setText("");
    setActive(0);
    onChoose(product);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter") {
      event.preventDefault(); // which sends no order
      const product = found[marked];
      if (product && isCurrent) choose(product);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (found.length > 0) setActive((marked + step + found.length) % found.length);
    } else if (event.key === "Escape") {
      setText("");
    }
  };
  return (
    <div className="field picker">
      <label htmlFor={id}>{t("addProduct")}</label>
      <input
        id={id}
        role="combobox"
        type="text"
        autoComplete="off"
        aria-autocomplete="list"
        aria-expanded={found.length > 0}
        aria-controls={`${id}-list`}
        aria-activedescendant={found.length > 0 ? `${id}-${marked}` : undefined}
        aria-describedby={`${id}-hint`}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setActive(0);
        }}
        onKeyDown={onKeyDown}
      />
      <small id={`${id}-hint`}>{currency ? t("onlyIn", { currency }) : t("pickerHint")}</small>
      <p role="status" className={isCurrent && found.length === 0 ? "soft" : "visually-hidden"}>
        {isCurrent && data && t("found", { count: found.length })}
      </p>
      <ProblemNotice problem={isWanted ? problemOfError(error) : null} />
      <ul id={`${id}-list`} role="listbox" aria-label={t("products")} hidden={found.length === 0}>
        {found.map((product, index) => (
          <li
            key={product.id}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === marked}
            onClick={() => choose(product)}
            onPointerMove={() => setActive(index)}
          >
            <span>
              {product.name} <span className="soft">{product.sku}</span>
            </span>
            <span className="number">
              {format.money(product.price)} · {t("inStock", { count: product.stockQuantity })}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
