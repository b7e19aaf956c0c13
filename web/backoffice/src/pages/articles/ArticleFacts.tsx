import { useTranslation } from "react-i18next";
import type { ArticleRowFragment } from "../../gql/graphql";
import { Moment } from "../../ui/Moment";
import { useLanguages } from "./languages";

/** Who wrote an article, when and in which language, and whether it is a draft. */
export function ArticleFacts({ article }: { article: ArticleRowFragment }) {
  const { t } = useTranslation("articles");
  const { nameOf } = useLanguages();
  return (
    <p className="row soft">
      {article.status === "DRAFT" && <span className="badge">{t("status.DRAFT")}</span>}
      <span>{article.author.fullName}</span>
      <span>{nameOf(article.language)}</span>
      <Moment at={article.updatedAt} />
    </p>
  );
}
