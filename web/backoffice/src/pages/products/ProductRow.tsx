import { useTranslation } from "react-i18next";
import type { ProductRowFragment } from "../../gql/graphql";
import { useFormat } from "../../ui/format";

interface Props {
  product: ProductRowFragment;
  isLow: boolean;
  onEdit: () => void;
  onRestock: () => void;
}

export function ProductRow({ product, isLow, onEdit, onRestock }: Props) {
  const { t } = useTranslation("products");
  const format = useFormat();
  const state = product.isActive ? t("active") : t("inactive");
  return (
    <tr>
      <th scope="row">
        {product.name}
        <span className="soft sku">{product.sku}</span>
        {!product.isActive && <span className="narrow">{state}</span>}
      </th>
      <td className="wide">
        <span className={product.isActive ? "badge active" : "badge inactive"}>{state}</span>
      </td>
      <td className="number">{format.money(product.price)}</td>
      <td className="number">
        {format.number(product.stockQuantity)}
        {isLow && <span className="low">{product.stockQuantity === 0 ? t("soldOut") : t("runningOut")}</span>}
      </td>
      <td className="buttons">
        {product.viewerCan.update && (
          <button type="button" aria-label={t("editOf", { name: product.name })} onClick={onEdit}>
            {t("edit")}
          </button>
        )}
        {product.viewerCan.restock && (
          <button type="button" aria-label={t("restockOf", { name: product.name })} onClick={onRestock}>
            {t("restock")}
          </button>
        )}
      </td>
    </tr>
  );
}
