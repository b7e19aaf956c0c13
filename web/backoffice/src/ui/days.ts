/** Days as date fields have them, `2026-11-30`, in the reader's zone. */

const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;

/** Return the moment at which a day begins, or the one so many days later does; null if the text is no day. */
export function startOfDay(day: string, later = 0): string | null {
  const [, year, month, date] = DAY.exec(day) ?? [];
  if (!year || Number(year) < 1000) return null; // half typed
  return new Date(Number(year), Number(month) - 1, Number(date) + later).toISOString();
}

/** Return the day that it will be in so many days. */
export function dayFromNow(days: number): string {
  const now = new Date();
  const then = new Date(now.getFullYear(), now.getMonth(), now.getDate() + days);
  const pad = (value: number, length = 2) => String(value).padStart(length, "0");
  return `${pad(then.getFullYear(), 4)}-${pad(then.getMonth() + 1)}-${pad(then.getDate())}`;
}
