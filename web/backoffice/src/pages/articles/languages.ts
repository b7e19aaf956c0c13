import { useTranslation } from "react-i18next";
import type { ArticleLanguage } from "../../gql/graphql";

/** Languages of articles by their codes (ISO 639-1), in which browsers name them. */
const CODES: Record<Exclude<ArticleLanguage, "SIMPLE">, string> = {
  ARABIC: "ar",
  ARMENIAN: "hy",
  BASQUE: "eu",
  CATALAN: "ca",
  DANISH: "da",
  DUTCH: "nl",
  ENGLISH: "en",
  ESTONIAN: "et",
  FINNISH: "fi",
  FRENCH: "fr",
  GERMAN: "de",
  GREEK: "el",
  HINDI: "hi",
  HUNGARIAN: "hu",
  INDONESIAN: "id",
  IRISH: "ga",
  ITALIAN: "it",
  LITHUANIAN: "lt",
  NEPALI: "ne",
  NORWEGIAN: "no",
  PORTUGUESE: "pt",
  ROMANIAN: "ro",
  RUSSIAN: "ru",
  SERBIAN: "sr",
  SPANISH: "es",
  SWEDISH: "sv",
  TAMIL: "ta",
  TURKISH: "tr",
  YIDDISH: "yi",
};

export const ARTICLE_LANGUAGES = [...Object.keys(CODES), "SIMPLE"] as ArticleLanguage[];

export const languageCode = (language: ArticleLanguage) => (language === "SIMPLE" ? undefined : CODES[language]);

/** Return a function that names a language to the reader, and all of them in the order of their names. */
export function useLanguages() {
  const { t, i18n } = useTranslation("articles");
  const names = new Intl.DisplayNames(i18n.resolvedLanguage, { type: "language" });
  const nameOf = (language: ArticleLanguage) =>
    language === "SIMPLE" ? t("otherLanguage") : (names.of(CODES[language]) ?? language);
  const all = Object.keys(CODES) as Exclude<ArticleLanguage, "SIMPLE">[];
  const sorted = all.toSorted((one, other) => nameOf(one).localeCompare(nameOf(other), i18n.resolvedLanguage));
  return { nameOf, languages: [...sorted, "SIMPLE" as const] };
}
