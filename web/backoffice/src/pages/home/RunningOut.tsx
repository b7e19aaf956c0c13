import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import type { HomePageQuery } from "../../gql/graphql";
import { useFormat } from "../../ui/format";
import { LOW } from "../products/low";
import { EmptyCard } from "./ChartCard";
import { ListCard } from "./ListCard";

/** Products for sale of which little is left, the least first. */
export function RunningOut({ products }: { products: HomePageQuery["runningOut"] }) {
  const { t } = useTranslation("dashboard");
  const { number } = useFormat();
  const count = products.totalCount;
  if (count === 0) {
    const way = { href: "/products", text: t("stock.products") };
    return <EmptyCard title={t("stock.title")} text={t("stock.none", { low: number(LOW) })} way={way} />;
  }
  return (
    <ListCard title={t("stock.title")} all="/products?active=yes&low=yes" allText={t("stock.all", { count, number: number(count) })}>
      {products.nodes.map(({ id, sku, name, stockQuantity }) => (
        <li key={id}>
          <span>
            <Link href={`/products?text=${encodeURIComponent(sku)}`}>{name}</Link>
            <small className="soft">{sku}</small>
          </span>
          <span className={stockQuantity === 0 ? "wrong" : "low"}>
            {stockQuantity === 0 ? t("stock.soldOut") : t("stock.left", { count: stockQuantity, number: number(stockQuantity) })}
          </span>
        </li>
      ))}
    </ListCard>
  );
}
