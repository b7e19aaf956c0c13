import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { PlainPage } from "./PlainPage";

export function NotFoundPage() {
  const { t } = useTranslation();
  return (
    <PlainPage title={t("notFound.title")}>
      <p>{t("notFound.explanation")}</p>
      <p>
        <Link href="/">{t("notFound.back")}</Link>
      </p>
    </PlainPage>
  );
}
