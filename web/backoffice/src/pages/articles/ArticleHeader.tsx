import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { SearchField } from "../../ui/SearchField";

/** The field for words to search for, and the way to a new article. */
export function ArticleHeader({ mayWrite }: { mayWrite: boolean | undefined }) {
  const { t } = useTranslation("articles");
  return (
    <div className="row spread">
      <SearchField label={t("search")} />
      {mayWrite && (
        <Link href="/articles/new" className="button primary">
          {t("new.open")}
        </Link>
      )}
    </div>
  );
}
