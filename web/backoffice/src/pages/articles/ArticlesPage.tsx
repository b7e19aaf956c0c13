import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { useQuery } from "urql";
import type { ArticleFilter, ArticleRowFragment } from "../../gql/graphql";
import { Shell } from "../../shell/Shell";
import { useFormat } from "../../ui/format";
import { Loading } from "../../ui/Loading";
import { NextPage } from "../../ui/NextPage";
import { problemOfError } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { useAddressState } from "../../ui/useAddressState";
import { useFirstFocus } from "../../ui/useFirstFocus";
import { ArticleFacts } from "./ArticleFacts";
import { ArticleHeader } from "./ArticleHeader";
import "./articles.css";
import { ARTICLES_PAGE } from "./operations";
import { SearchResults } from "./SearchResults";

const VIEWS = ["", "drafts", "mine"] as const;
type View = (typeof VIEWS)[number];
const FILTERS: Record<View, ArticleFilter | null> = { "": null, drafts: { status: { eq: "DRAFT" } }, mine: { mine: true } };
const isView = (text: string): text is View => (VIEWS as readonly string[]).includes(text);

/** Articles that the viewer may read; with words in the address, those that match. */
export default function ArticlesPage() {
  const [search] = useAddressState("q");
  return search ? <SearchResults search={search} /> : <ArticleList />;
}

function ArticleList() {
  const { t } = useTranslation("articles");
  const { number } = useFormat();
  const [name, setView] = useAddressState("view");
  const view = isView(name) ? name : "";
  const filter = FILTERS[view];
  const [{ data, error, fetching }] = useQuery({ query: ARTICLES_PAGE, variables: { filter, after: null } });
  return (
    <Shell data={data} title={t("title")}>
      <ArticleHeader mayWrite={data?.viewer?.permissions.includes("ARTICLES_WRITE")} />
      <div className="row" role="group" aria-label={t("view.label")}>
        {VIEWS.map((each) => (
          <button key={each} type="button" aria-pressed={view === each} onClick={() => setView(each)}>
            {t(`view.${each || "all"}`)}
          </button>
        ))}
      </div>
      <ProblemNotice problem={problemOfError(error)} />
      {fetching && !data && <Loading />}
      {data && (
        <>
          <p className="soft" role="status">
            {t("count", { count: data.articles.totalCount, number: number(data.articles.totalCount) })}
          </p>
          <ul className="articles">
            <Items articles={data.articles.nodes} />
            <NextPage
              key={view}
              before={data.articles}
              query={ARTICLES_PAGE}
              variablesOf={(after) => ({ filter, after })}
              pageOf={(next) => next.articles}
              frame={(button) => <li>{button}</li>}
            >
              {(articles) => <Items articles={articles} isNew />}
            </NextPage>
          </ul>
        </>
      )}
    </Shell>
  );
}

function Items({ articles, isNew = false }: { articles: readonly ArticleRowFragment[]; isNew?: boolean }) {
  const first = useFirstFocus<HTMLLIElement>(isNew);
  return articles.map((article, index) => (
    <li key={article.id} className="card" ref={index === 0 ? first : undefined}>
      <h2>
        <Link href={`/articles/${encodeURIComponent(article.id)}`}>{article.title}</Link>
      </h2>
      <ArticleFacts article={article} />
    </li>
  ));
}
