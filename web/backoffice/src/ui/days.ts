/** Days as date fields have them, `2026-11-30`, in the reader's zone. */

const DAY = /^([1-9]\d{3})-(\d{2})-(\d{2})$/; // a year that is half typed begins with zeros

/** Return the moment at which a day begins, or the one so many days later does; null if the text is no day. */
export function startOfDay(text: string, later = 0): string | null {
  const [year = 0, month = 0, day = 0] = DAY.exec(text)?.slice(1).map(Number) ?? [];
  const start = new Date(year, month - 1, day);
  if (start.getMonth() !== month - 1 || start.getDate() !== day) return null; // such as the 30th of February
  return new Date(year, month - 1, day + later).toISOString();
}

/** Return the day that it will be in so many days. */
export function dayFromNow(days: number): string {
  const now = new Date();
  const then = new Date(now.getFullYear(), now.getMonth(), now.getDate() + days);
  const pad = (value: number, length = 2) => String(value).padStart(length, "0");
  return `${pad(then.getFullYear(), 4)}-${pad(then.getMonth() + 1)}-${pad(then.getDate())}`;
}
