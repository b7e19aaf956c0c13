import { useTranslation } from "react-i18next";
import type { HomePageQuery } from "../../gql/graphql";
import { useFormat } from "../../ui/format";
import { ChartCard, EmptyCard } from "./ChartCard";
import { DayChart } from "./DayChart";
import { highest, LONG_DAY, ordersByDay, SHORT_DAY } from "./days";

interface Props {
  data: HomePageQuery;
  days: readonly string[];
  /** Whether they are those of the whole tenant, and not the viewer's alone. */
  isOfAll: boolean;
}

/** Orders by day, without the cancelled ones. */
export function OrdersCard({ data, days, isOfAll }: Props) {
  const { t } = useTranslation("dashboard");
  const { calendarDay, number } = useFormat();
  const title = t(isOfAll ? "orders.title" : "orders.mine");
  const points = ordersByDay(data.days.groups, days);
  const best = highest(points);
  const count = data.orders.totalCount;
  if (!best || count === 0) {
    const way = { href: "/orders/new", text: t("orders.place") };
    return <EmptyCard title={title} text={t(isOfAll ? "orders.none" : "orders.noneOfMine")} way={way} />;
  }
  return (
    <ChartCard
      name="orders"
      title={title}
      figure={t("orders.figure", { count, number: number(count) })}
      summary={t("orders.summary", {
        best: calendarDay(best.day, SHORT_DAY),
        bestNumber: number(best.value),
        today: number(points.at(-1)?.value ?? 0),
      })}
      columns={[t("column.day"), t("column.orders")]}
      rows={points.toReversed().map((point) => ({
        key: point.day,
        head: <time dateTime={point.day}>{calendarDay(point.day, LONG_DAY)}</time>,
        value: number(point.value),
      }))}
      chart={(ids) => <DayChart points={points} amountText={(amount) => number(Number(amount))} tickText={number} {...ids} />}
    />
  );
}
