import { useTranslation } from "react-i18next";

/** Return functions that write dates and numbers in the reader's language and zone. */
export function useFormat() {
  const { i18n } = useTranslation();
  const language = i18n.resolvedLanguage;
  return {
    date: (text: string) => new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(new Date(text)),
    dateTime: (text: string) =>
      new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(text)),
    number: (value: number) => new Intl.NumberFormat(language).format(value),
  };
}
