import { useTranslation } from "react-i18next";
import { useQuery, useSubscription } from "urql";
import { Link } from "wouter";
import type { OrderFilter, OrderRowFragment, OrderStatus } from "../../gql/graphql";
import { Shell } from "../../shell/Shell";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { useFormat } from "../../ui/format";
import { problemOfError } from "../../ui/problem";
import { useDebounced } from "../../ui/useDebounced";
import { useFilterParams } from "../../ui/useFilterParams";
import { useFirst } from "../../ui/useFirst";
import { useRefresh } from "../../ui/useRefresh";
import { NextPage } from "../../ui/NextPage";
import { useFirstFocus } from "../../ui/useFirstFocus";
import { inRow } from "../../ui/inRow";
import { MORE_ORDERS, ORDERS, ORDERS_CHANGED } from "./documents";
import { StatusBadge } from "./StatusBadge";

const STATUSES = ["PENDING", "CONFIRMED", "SHIPPED", "DELIVERED", "CANCELLED"] as const satisfies readonly OrderStatus[];
const COLUMNS = 5;

function filterOf(params: URLSearchParams): OrderFilter {
  const status = STATUSES.find((one) => one === params.get("status"));
  const text = params.get("text")?.trim();
  return { ...(status && { status: { eq: status } }), ...(text && { text: { contains: text } }) };
}

/** The orders that the viewer may see, newest first. */
export default function OrdersPage() {
  const { t } = useTranslation("orders");
  const [params, setParam] = useFilterParams();
  const key = useDebounced(JSON.stringify(filterOf(params)));
  const filter = JSON.parse(key) as OrderFilter;
  const [{ data, error, fetching }, refetch] = useQuery({ query: ORDERS, variables: { filter } });
  const refresh = useRefresh(fetching, refetch);
  const after = useFirst(data?.feedCursor);
  useSubscription({ query: ORDERS_CHANGED, variables: { after }, pause: !after }, (_, change) => {
    refresh();
    return change;
  });
  return (
    <Shell data={data} title={t("title")}>
      <search className="row filters">
        <label className="inline">
          <span>{t("search")}</span>
          <input type="search" value={params.get("text") ?? ""} onChange={(event) => setParam("text", event.target.value)} />
        </label>
        <label className="inline">
          <span>{t("statusLabel")}</span>
          <select value={params.get("status") ?? ""} onChange={(event) => setParam("status", event.target.value)}>
            <option value="">{t("all")}</option>
            {STATUSES.map((status) => (
              <option key={status} value={status}>
                {t(`status.${status}`)}
              </option>
            ))}
          </select>
        </label>
        {data?.viewer?.permissions.includes("ORDERS_PLACE") && (
          <Link href="/orders/new" className="button primary">
            {t("new")}
          </Link>
        )}
      </search>
      <ProblemNotice problem={problemOfError(error)} />
      <p role="status" className="soft">
        {data ? t("count", { count: data.orders.totalCount }) : t("loading")}
      </p>
      {data && data.orders.totalCount > 0 && (
        <table className="card list" aria-busy={fetching}>
          <caption className="visually-hidden">{t("title")}</caption>
          <thead>
            <tr>
              <th scope="col">{t("number")}</th>
              <th scope="col" className="wide">
                {t("who")}
              </th>
              <th scope="col">{t("statusLabel")}</th>
              <th scope="col" className="number">
                {t("total")}
              </th>
              <th scope="col" className="wide number">
                {t("when")}
              </th>
            </tr>
          </thead>
          <OrderRows orders={data.orders.nodes} />
          <NextPage
            key={key}
            before={data.orders}
            query={MORE_ORDERS}
            variablesOf={(behind) => ({ after: behind, filter })}
            pageOf={(next) => next.orders}
            frame={inRow(COLUMNS)}
          >
            {(orders) => <OrderRows orders={orders} isNew />}
          </NextPage>
        </table>
      )}
    </Shell>
  );
}

interface RowsProps {
  orders: readonly OrderRowFragment[];
  isNew?: boolean;
}

function OrderRows({ orders, isNew = false }: RowsProps) {
  const body = useFirstFocus<HTMLTableSectionElement>(isNew);
  return (
    <tbody ref={body}>
      {orders.map((order) => (
        <OrderRow key={order.id} order={order} />
      ))}
    </tbody>
  );
}

function OrderRow({ order }: { order: OrderRowFragment }) {
  const format = useFormat();
  return (
    <tr>
      <th scope="row">
        <Link href={`/orders/${order.id}`}>{order.number}</Link>
        <span className="narrow">{order.user.fullName}</span>
      </th>
      <td className="wide">{order.user.fullName}</td>
      <td>
        <StatusBadge status={order.status} />
      </td>
      <td className="number">
        {format.money(order.totalAmount)}
        <span className="narrow">{format.moment(order.createdAt)}</span>
      </td>
      <td className="wide number">{format.moment(order.createdAt)}</td>
    </tr>
  );
}
