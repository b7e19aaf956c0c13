import { useTranslation } from "react-i18next";
import { Link, useLocation } from "wouter";

/** The live documents, and those in the trash. */
export function DocumentTabs() {
  const { t } = useTranslation("documents");
  const [location] = useLocation();
  return (
    <nav className="tabs" aria-label={t("title")}>
      {(["/documents", "/documents/trash"] as const).map((path) => (
        <Link key={path} href={path} aria-current={location === path ? "page" : undefined}>
          {t(path === "/documents" ? "tab.live" : "tab.trash")}
        </Link>
      ))}
    </nav>
  );
}
