import { useTranslation } from "react-i18next";
import type { OrderStateFragment } from "../../gql/graphql";
import { useFormat } from "../../ui/format";
import { StatusBadge } from "./StatusBadge";

interface Props {
  order: OrderStateFragment;
  isPast: boolean;
  /** Whether it is not yet known what it was. */
  isPending: boolean;
}

/** An order as it is or was: its status, who gets what where, and what that costs. */
export function OrderDetails({ order, isPast, isPending }: Props) {
  const { t } = useTranslation("orders");
  const format = useFormat();
  return (
    <section className={isPast ? "card details past" : "card details"} aria-busy={isPending} aria-labelledby="details">
      <header className="row">
        <h2 id="details">{isPast ? t("asItWas") : t("asItIs")}</h2>
        <StatusBadge status={order.status} />
      </header>
      <dl>
        <div>
          <dt>{t("who")}</dt>
          <dd>{order.user.fullName}</dd>
        </div>
        <div>
          <dt>{t("since")}</dt>
          <dd>
            <time dateTime={order.updatedAt}>{format.moment(order.updatedAt)}</time>
          </dd>
        </div>
        <div>
          <dt>{t("address")}</dt>
          <dd className="address">{order.shippingAddress}</dd>
        </div>
      </dl>
      <table>
        <caption className="visually-hidden">{t("lines")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("product")}</th>
            <th scope="col" className="number">
              {t("quantity")}
            </th>
            <th scope="col" className="wide number">
              {t("price")}
            </th>
            <th scope="col" className="number">
              {t("subtotal")}
            </th>
          </tr>
        </thead>
        <tbody>
          {order.items.nodes.map((item) => (
            <tr key={item.id}>
              <th scope="row">
                {item.product.name} <span className="soft sku">{item.product.sku}</span>
              </th>
              <td className="number">{format.number(item.quantity)}</td>
              <td className="wide number">{format.money(item.unitPrice)}</td>
              <td className="number">{format.money(item.subtotal)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="total">
        <span>{t("total")}</span> <strong>{format.money(order.totalAmount)}</strong>
      </p>
    </section>
  );
}
