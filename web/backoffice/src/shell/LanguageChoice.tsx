import { useTranslation } from "react-i18next";
import { chooseLanguage, LANGUAGES, type Language } from "../i18n";

export function LanguageChoice() {
  const { t, i18n } = useTranslation();
  return (
    <label className="inline">
      <span className="visually-hidden">{t("language")}</span>
      <select
        value={i18n.resolvedLanguage ?? "en"}
        onChange={(event) => void chooseLanguage(event.target.value as Language)}
      >
        {Object.entries(LANGUAGES).map(([tag, name]) => (
          <option key={tag} value={tag} lang={tag}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
