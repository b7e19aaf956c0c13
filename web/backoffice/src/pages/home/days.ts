import type { HomePageQuery } from "../../gql/graphql";
import { decimalsOf } from "../../ui/money";

const DAYS = 30;
/** How days are written where there is room, and where there is little. */
export const LONG_DAY = { weekday: "short", day: "numeric", month: "long" } as const;
export const SHORT_DAY = { day: "numeric", month: "short" } as const;

const UNKNOWN_ZONE = "Etc/Unknown";

/** What a chart shows of a day of the calendar, such as `2026-01-31`. */
export interface DayPoint {
  day: string;
  /** How high it is drawn. */
  value: number;
  /** What it is to the last digit. */
  amount: string;
}
type Groups = HomePageQuery["days"]["groups"];

/** Return the time zone in which the reader's days begin, as the browser knows it. */
export function readersZone(): string {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  return timeZone === UNKNOWN_ZONE ? "UTC" : timeZone;
}

const padded = (value: number) => String(value).padStart(2, "0");

/** Return the reader's last days, today among them, and the moment at which the first of them begins. */
export function lastDays(now: number): { since: string; days: string[] } {
  const today = new Date(now);
  const dates = Array.from(
    { length: DAYS },
    (_, index) => new Date(today.getFullYear(), today.getMonth(), today.getDate() - DAYS + 1 + index),
  );
  return {
    since: (dates[0] ?? today).toISOString(),
    days: dates.map((date) => `${date.getFullYear()}-${padded(date.getMonth() + 1)}-${padded(date.getDate())}`),
  };
}

/** Return how many orders each day has: those in different currencies are groups of their own. */
export function ordersByDay(groups: Groups, days: readonly string[]): DayPoint[] {
  const counts = new Map<string, number>();
  for (const { period, count } of groups) counts.set(period ?? "", (counts.get(period ?? "") ?? 0) + count);
  return days.map((day) => {
    const value = counts.get(day) ?? 0;
    return { day, value, amount: String(value) };
  });
}

/** Return what each day's orders in a currency come to; a day without any, to nothing with as many decimals. */
export function revenueByDay(groups: Groups, days: readonly string[], currency: string): DayPoint[] {
  const own = groups.filter(({ sum }) => sum.currency === currency);
  const amounts = new Map(own.map(({ period, sum }) => [period, sum.amount]));
  const nothing = (0).toFixed(decimalsOf(own[0]?.sum.amount ?? ""));
  return days.map((day) => {
    const amount = amounts.get(day) ?? nothing;
    return { day, value: Number(amount), amount };
  });
}

/** Return the day with the most, of several the latest. */
export function highest(points: readonly DayPoint[]): DayPoint | undefined {
  return points.reduce<DayPoint | undefined>((best, point) => (best && best.value > point.value ? best : point), undefined);
}
