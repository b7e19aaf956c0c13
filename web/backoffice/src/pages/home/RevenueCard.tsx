import { useTranslation } from "react-i18next";
import type { HomePageQuery } from "../../gql/graphql";
import { useFormat } from "../../ui/format";
import { useAddressState } from "../../ui/useAddressState";
import { ChartCard, EmptyCard } from "./ChartCard";
import { DayChart } from "./DayChart";
import { highest, LONG_DAY, revenueByDay, SHORT_DAY } from "./days";

/** What the orders of each day come to, in one currency at a time: amounts of several are never added up. */
export function RevenueCard({ data, days }: { data: HomePageQuery; days: readonly string[] }) {
  const { t } = useTranslation("dashboard");
  const format = useFormat();
  const [wanted, setWanted] = useAddressState("currency");
  const totals = data.orders.groups.toSorted((one, other) => other.count - one.count);
  const shown = totals.find(({ sum }) => sum.currency === wanted) ?? totals[0];
  const currency = shown?.sum.currency ?? "";
  const points = revenueByDay(data.days.groups, days, currency);
  const best = highest(points);
  if (!shown || !best) return <EmptyCard title={t("revenue.title")} text={t("revenue.none")} />;
  const text = (amount: string) => format.money({ amount, currency });
  return (
    <ChartCard
      name="revenue"
      title={t("revenue.title")}
      figure={format.money(shown.sum)}
      summary={t("revenue.summary", {
        best: format.calendarDay(best.day, SHORT_DAY),
        bestAmount: text(best.amount),
        today: text(points.at(-1)?.amount ?? "0"),
      })}
      columns={[t("column.day"), t("column.revenue", { currency })]}
      rows={points.toReversed().map((point) => ({
        key: point.day,
        head: <time dateTime={point.day}>{format.calendarDay(point.day, LONG_DAY)}</time>,
        value: text(point.amount),
      }))}
      controls={
        totals.length > 1 && (
          <div className="row" role="group" aria-label={t("revenue.currency")}>
            {totals.map(({ sum }) => (
              <button key={sum.currency} type="button" aria-pressed={sum.currency === currency} onClick={() => setWanted(sum.currency)}>
                {sum.currency}
              </button>
            ))}
          </div>
        )
      }
      chart={(ids) => (
        <DayChart points={points} amountText={text} tickText={(value) => format.roughMoney(value, currency)} {...ids} />
      )}
    />
  );
}
