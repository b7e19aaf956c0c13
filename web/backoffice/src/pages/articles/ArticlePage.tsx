import { useTranslation } from "react-i18next";
import { useQuery, useSubscription } from "urql";
import { Shell } from "../../shell/Shell";
import { Loading } from "../../ui/Loading";
import { problemOfError } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { useLast } from "../../ui/useLast";
import { useIdParam } from "../../ui/useIdParam";
import { ArticleEditor } from "./ArticleEditor";
import "./articles.css";
import { ARTICLE_CHANGES, ARTICLE_PAGE } from "./operations";

/** One article, to read or to change. What others change comes by itself, through the cache. */
export default function ArticlePage() {
  const { t } = useTranslation("articles");
  const id = useIdParam();
  const [{ data, error, fetching }] = useQuery({ query: ARTICLE_PAGE, variables: { id } });
  useSubscription({ query: ARTICLE_CHANGES, variables: { after: data?.feedCursor }, pause: !data });
  const article = useLast(data?.article);
  return (
    <Shell data={data} title={article?.title ?? t("one")}>
      <ProblemNotice problem={problemOfError(error)} />
      {fetching && !data && <Loading />}
      {data && !data.article && (
        <p role="status" className={article ? "notice" : undefined}>
          {t(article ? "goneMeanwhile" : "gone")}
        </p>
      )}
      {article && <ArticleEditor key={article.id} article={article} />}
    </Shell>
  );
}
