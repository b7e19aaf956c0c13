import { useTranslation } from "react-i18next";
import { useQuery, useSubscription } from "urql";
import { Link, useSearchParams } from "wouter";
import type { OrderNowFragment } from "../../gql/graphql";
import { Shell } from "../../shell/Shell";
import { Loading } from "../../ui/Loading";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { problemOfError } from "../../ui/problem";
import { useFirst } from "../../ui/useFirst";
import { useIdParam } from "../../ui/useIdParam";
import { ORDER, ORDER_AS_OF, ORDER_CHANGED } from "./documents";
import { OrderActions } from "./OrderActions";
import { OrderDetails } from "./OrderDetails";
import { OrderTimeline } from "./OrderTimeline";
import "./orders.css";

/** An order: what it is, what may be done with it, and what it was at each time. */
export default function OrderPage() {
  const { t } = useTranslation("orders");
  const id = useIdParam();
  const [{ data, error }, refetch] = useQuery({ query: ORDER, variables: { id } });
  const after = useFirst(data?.feedCursor);
  useSubscription({ query: ORDER_CHANGED, variables: { after }, pause: !after }, (_, change) => {
    const { event } = change.orderEvents;
    if (event.orderId === id && !event.order) refetch({ requestPolicy: "network-only" }); // it has been deleted
    return change;
  });
  const order = data?.order;
  const problem = problemOfError(error);
  return (
    <Shell data={data} title={order ? t("titleOf", { number: order.number }) : t("titleOfOne")}>
      <ProblemNotice problem={problem?.code === "BAD_USER_INPUT" ? null : problem} />
      {order && <OrderThroughTime order={order} onOutdated={() => refetch({ requestPolicy: "network-only" })} />}
      {!data && !error && <Loading />}
      {data && !order && (
        <div className="card">
          <p>{t("gone")}</p>
          <Link href="/orders">{t("toOrders")}</Link>
        </div>
      )}
    </Shell>
  );
}

/** The order as it is now, or as it was at the event that the address names by its number. */
function OrderThroughTime({ order, onOutdated }: { order: OrderNowFragment; onOutdated: () => void }) {
  const { t } = useTranslation("orders");
  const [params, setParams] = useSearchParams();
  const events = order.events.nodes;
  const found = events.findIndex(({ version }) => String(version) === params.get("at"));
  const position = found < 0 ? events.length - 1 : found;
  const isNow = position === events.length - 1;
  const event = events[position];
  const [{ data, error }] = useQuery({
    query: ORDER_AS_OF,
    variables: { id: order.id, asOf: event?.createdAt ?? "" },
    pause: isNow,
    requestPolicy: "cache-first", // what has been stays as it was
  });
  const past = !isNow && data?.order?.version === event?.version ? data?.order : null;
  const choose = (index: number) =>
    setParams(index === events.length - 1 ? {} : { at: String(events[index]?.version) }, { replace: true });
  return (
    <div className="order">
      <OrderTimeline events={events} position={position} onChoose={choose} />
      <div>
        <ProblemNotice problem={isNow ? null : problemOfError(error)} />
        <OrderDetails order={past ?? order} isPast={!isNow} isPending={!isNow && !past && !error} />
        {isNow && <OrderActions key={order.id} order={order} onOutdated={onOutdated} />}
        <p>
          <Link href="/orders">{t("toOrders")}</Link>
        </p>
      </div>
    </div>
  );
}
