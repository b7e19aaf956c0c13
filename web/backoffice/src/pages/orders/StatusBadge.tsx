import { useTranslation } from "react-i18next";
import type { OrderStatus } from "../../gql/graphql";

export function StatusBadge({ status }: { status: OrderStatus }) {
  const { t } = useTranslation("orders");
  return <span className={`badge status-${status.toLowerCase()}`}>{t(`status.${status}`)}</span>;
}
