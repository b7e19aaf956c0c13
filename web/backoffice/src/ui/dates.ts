import { useMemo } from "react";
import { useTranslation } from "react-i18next";

/** Return the functions that write moments in the reader's language and time zone. */
export function useDates() {
  const { i18n } = useTranslation();
  const language = i18n.resolvedLanguage;
  return useMemo(() => {
    const day = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
    const moment = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
    return { day: (iso: string) => day.format(new Date(iso)), moment: (iso: string) => moment.format(new Date(iso)) };
  }, [language]);
}

/** Return a moment as a field of the type `datetime-local` holds it, in the reader's time zone. */
export function toLocalInput(iso: string | null | undefined): string {
  if (!iso) return "";
  const date = new Date(iso);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** Return the moment that a field of the type `datetime-local` holds; null if it is empty. */
export const fromLocalInput = (text: string) => (text ? new Date(text).toISOString() : null);
