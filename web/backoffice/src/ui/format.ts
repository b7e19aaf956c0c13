import { useTranslation } from "react-i18next";
import { decimalsOf, type Amount } from "./money";

/** What is written in the reader's language, and times in the zone of the browser. */
export function useFormat() {
  const { i18n } = useTranslation();
  const language = i18n.resolvedLanguage;
  return {
    /** An amount to its last digit: the text is formatted as it is, with the decimals that it has. */
    money({ amount, currency }: Amount): string {
      const decimals = decimalsOf(amount);
      const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
      return new Intl.NumberFormat(language, { style: "currency", currency, ...digits }).format(amount as `${number}`);
    },
    /** About how much, where there is little room. */
    roughMoney: (value: number, currency: string): string =>
      new Intl.NumberFormat(language, { style: "currency", currency, notation: "compact", maximumFractionDigits: 1 }).format(value),
    number: (value: number | bigint): string => new Intl.NumberFormat(language).format(value),
    day: (time: string): string => new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(new Date(time)),
    moment: (time: string): string =>
      new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(time)),
    /** A day of the calendar, such as `2026-01-31`, which is in no zone. */
    calendarDay: (day: string, options: Intl.DateTimeFormatOptions): string =>
      new Intl.DateTimeFormat(language, { ...options, timeZone: "UTC" }).format(new Date(day)),
  };
}
