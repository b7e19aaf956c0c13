import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useQuery } from "urql";
import { Link } from "wouter";
import type { ArticleLanguage, ArticleSearchFilter, ArticleSearchPageQuery } from "../../gql/graphql";
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
import { languageCode, useLanguages } from "./languages";
import { SEARCH_PAGE } from "./operations";

type Search = ArticleSearchPageQuery["searchArticles"];
type Hit = Search["edges"][number];

/** Return the filter of what was chosen among the facets. */
function filterOf(language: string, author: string, month: string): ArticleSearchFilter {
  const filter: ArticleSearchFilter = {};
  if (language) filter.language = { eq: language as ArticleLanguage };
  if (author) filter.authorId = { eq: author };
  const begin = /^\d{4}-\d\d$/.test(month) ? new Date(`${month}-01T00:00:00Z`) : null;
  if (begin) {
    const end = new Date(Date.UTC(begin.getUTCFullYear(), begin.getUTCMonth() + 1));
    filter.createdAt = { gte: begin.toISOString(), lt: end.toISOString() };
  }
  return filter;
}

/** Articles that match words, the best first, with what matches marked, and what they may be narrowed down by. */
export function SearchResults({ search }: { search: string }) {
  const { t } = useTranslation("articles");
  const { number } = useFormat();
  const [language] = useAddressState("language");
  const [author] = useAddressState("author");
  const [month] = useAddressState("month");
  const filter = filterOf(language, author, month);
  const [{ data, error, fetching }] = useQuery({ query: SEARCH_PAGE, variables: { query: search, filter, after: null } });
  const found = data?.searchArticles;
  return (
    <Shell data={data} title={t("title")}>
      <ArticleHeader mayWrite={data?.viewer?.permissions.includes("ARTICLES_WRITE")} />
      <ProblemNotice problem={problemOfError(error)} />
      {fetching && !data && <Loading />}
      {found && (
        <div className="search">
          <div>
            <p className="soft" role="status">
              {found.corrected
                ? t("corrected", { count: found.totalCount, number: number(found.totalCount), query: found.correctedQuery })
                : t("found", { count: found.totalCount, number: number(found.totalCount), query: search })}
            </p>
            <ol className="articles">
              <Hits hits={found.edges} />
              <NextPage
                key={JSON.stringify([search, filter])}
                before={{ nodes: found.edges, pageInfo: found.pageInfo }}
                query={SEARCH_PAGE}
                variablesOf={(after) => ({ query: search, filter, after })}
                pageOf={({ searchArticles: next }) => ({ nodes: next.edges, pageInfo: next.pageInfo })}
                frame={(button) => <li>{button}</li>}
              >
                {(hits) => <Hits hits={hits} isNew />}
              </NextPage>
            </ol>
          </div>
          <Facets facets={found.facets} />
        </div>
      )}
    </Shell>
  );
}

function Hits({ hits, isNew = false }: { hits: readonly Hit[]; isNew?: boolean }) {
  const first = useFirstFocus<HTMLLIElement>(isNew);
  return hits.map(({ cursor, node, titleSegments, snippetSegments }, index) => (
    <li key={cursor} className="card" ref={index === 0 ? first : undefined}>
      <h2>
        <Link href={`/articles/${encodeURIComponent(node.id)}`}>
          <Segments segments={titleSegments} language={languageCode(node.language)} />
        </Link>
      </h2>
      <p>
        <Segments segments={snippetSegments} language={languageCode(node.language)} />
      </p>
      <ArticleFacts article={node} />
    </li>
  ));
}

function Segments({ segments, language }: { segments: Hit["titleSegments"]; language: string | undefined }) {
  return (
    <span lang={language}>
      {segments.map(({ text, match }, index) => (match ? <mark key={index}>{text}</mark> : <span key={index}>{text}</span>))}
    </span>
  );
}

function Facets({ facets }: { facets: Search["facets"] }) {
  const { t, i18n } = useTranslation("articles");
  const { nameOf } = useLanguages();
  const month = new Intl.DateTimeFormat(i18n.resolvedLanguage, { month: "long", year: "numeric", timeZone: "UTC" });
  return (
    <aside aria-label={t("facets.label")}>
      <Facet name="language" title={t("facets.language")}>
        {facets.languages.map(({ value, count }) => [value, nameOf(value), count])}
      </Facet>
      <Facet name="author" title={t("facets.author")}>
        {facets.authors.map(({ value, count }) => [value.id, value.fullName, count])}
      </Facet>
      <Facet name="month" title={t("facets.month")}>
        {facets.months.map(({ value, count }) => [value, month.format(new Date(`${value}-01`)), count])}
      </Facet>
    </aside>
  );
}

interface FacetProps {
  /** Its name in the address. */
  name: string;
  title: string;
  /** Each a value, its name, and how many articles have it. */
  children: readonly (readonly [string, string, number])[];
}

/** Values to narrow a search down by; the one that was chosen is left again by its button. */
function Facet({ name, title, children }: FacetProps) {
  const { number } = useFormat();
  const [chosen, choose] = useAddressState(name);
  return (
    <section>
      <h2>{title}</h2>
      <ul>
        {children.map(([value, label, count]) => (
          <li key={value}>
            <FacetButton isChosen={chosen === value} onClick={() => choose(chosen === value ? "" : value)}>
              {label} <span className="soft">{number(count)}</span>
            </FacetButton>
          </li>
        ))}
      </ul>
    </section>
  );
}

function FacetButton({ isChosen, onClick, children }: { isChosen: boolean; onClick: () => void; children: ReactNode }) {
  return (
    <button type="button" aria-pressed={isChosen} onClick={onClick}>
      {children}
    </button>
  );
}
