import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useQuery, useSubscription } from "urql";
import type { ProductFilter, ProductRowFragment } from "../../gql/graphql";
import { Shell } from "../../shell/Shell";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { problemOfError } from "../../ui/problem";
import { useDebounced } from "../../ui/useDebounced";
import { useFirst } from "../../ui/useFirst";
import { useRefresh } from "../../ui/useRefresh";
import { NextPage } from "../../ui/NextPage";
import { useFirstFocus } from "../../ui/useFirstFocus";
import { inRow } from "../../ui/inRow";
import { MORE_PRODUCTS, PRODUCTS, PRODUCTS_CHANGED } from "./documents";
import { LOW } from "./low";
import { ProductFilters, useProductFilter } from "./ProductFilters";
import { ProductForm } from "./ProductForm";
import { ProductRow } from "./ProductRow";
import "./products.css";
import { RestockForm } from "./RestockForm";

const COLUMNS = 5;

type Opened = { what: "create" } | { what: "edit" | "restock"; product: ProductRowFragment };

/** What is sold, at which price, and how much of it there is. */
export default function ProductsPage() {
  const { t } = useTranslation("products");
  const key = useDebounced(JSON.stringify(useProductFilter()));
  const filter = JSON.parse(key) as ProductFilter;
  const [opened, setOpened] = useState<Opened | null>(null);
  const [{ data, error, fetching }, refetch] = useQuery({ query: PRODUCTS, variables: { filter } });
  const refresh = useRefresh(fetching, refetch);
  const after = useFirst(data?.feedCursor);
  useSubscription({ query: PRODUCTS_CHANGED, variables: { after }, pause: !after }, (_, change) => {
    refresh();
    return change;
  });
  const mayWrite = data?.viewer?.permissions.includes("PRODUCTS_WRITE") ?? false;
  const close = () => setOpened(null);
  return (
    <Shell data={data} title={t("title")}>
      <ProductFilters>
        {mayWrite && (
          <button type="button" className="primary" onClick={() => setOpened({ what: "create" })}>
            {t("create")}
          </button>
        )}
      </ProductFilters>
      <ProblemNotice problem={problemOfError(error)} />
      <p role="status" className="soft">
        {data ? t("count", { count: data.products.totalCount }) : t("loading")}
      </p>
      {data && data.products.totalCount > 0 && (
        <table className="card list products" aria-busy={fetching}>
          <caption className="visually-hidden">{t("title")}</caption>
          <thead>
            <tr>
              <th scope="col">{t("product")}</th>
              <th scope="col" className="wide">
                {t("state")}
              </th>
              <th scope="col" className="number">
                {t("price")}
              </th>
              <th scope="col" className="number">
                {t("stock")}
              </th>
              <th scope="col">
                <span className="visually-hidden">{t("what")}</span>
              </th>
            </tr>
          </thead>
          <ProductRows products={data.products.nodes} onOpen={setOpened} />
          <NextPage
            key={key}
            before={data.products}
            query={MORE_PRODUCTS}
            variablesOf={(behind) => ({ after: behind, filter })}
            pageOf={(next) => next.products}
            frame={inRow(COLUMNS)}
          >
            {(products) => <ProductRows products={products} onOpen={setOpened} isNew />}
          </NextPage>
        </table>
      )}
      {opened?.what === "create" && <ProductForm onClose={close} />}
      {opened?.what === "edit" && <ProductForm product={opened.product} onClose={close} />}
      {opened?.what === "restock" && <RestockForm product={opened.product} onClose={close} />}
    </Shell>
  );
}

interface RowsProps {
  products: readonly ProductRowFragment[];
  onOpen: (opened: Opened) => void;
  isNew?: boolean;
}

function ProductRows({ products, onOpen, isNew = false }: RowsProps) {
  const body = useFirstFocus<HTMLTableSectionElement>(isNew);
  return (
    <tbody ref={body}>
      {products.map((product) => (
        <ProductRow
          key={product.id}
          product={product}
          isLow={product.stockQuantity <= LOW}
          onEdit={() => onOpen({ what: "edit", product })}
          onRestock={() => onOpen({ what: "restock", product })}
        />
      ))}
    </tbody>
  );
}
