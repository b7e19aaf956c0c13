import { useTranslation } from "react-i18next";
import { useQuery } from "urql";
import { useLocation } from "wouter";
import { Shell } from "../../shell/Shell";
import { problemOfError } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { newKey } from "../../ui/newKey";
import { useChange } from "../../ui/useChange";
import { clearPersistedState, usePersistedState } from "../../ui/usePersistedState";
import { useSubmit } from "../../ui/useSubmit";
import { ArticleFields, type ArticleValues } from "./ArticleFields";
import "./articles.css";
import { CREATE_ARTICLE, NEW_ARTICLE_PAGE } from "./operations";

const NAME = "new article";

/** Writes a draft; what it takes to publish it is on the page that it leads to. */
export default function NewArticlePage() {
  const { t, i18n } = useTranslation("articles");
  const [, navigate] = useLocation();
  const [{ data, error }] = useQuery({ query: NEW_ARTICLE_PAGE });
  const [{ idempotencyKey, ...values }, setValues] = usePersistedState(NAME, (): ArticleValues & { idempotencyKey: string } => ({
    idempotencyKey: newKey(), // a second click writes no second article
    title: "",
    content: "",
    language: i18n.resolvedLanguage === "de" ? "GERMAN" : "ENGLISH",
  }));
  const create = useChange(CREATE_ARTICLE);
  const { submit, problem, isBusy } = useSubmit(async () => {
    const { answer, problem: found } = await create({ input: { ...values, idempotencyKey } });
    if (answer?.__typename === "Article") {
      clearPersistedState(NAME);
      navigate(`/articles/${encodeURIComponent(answer.id)}`);
    }
    return found;
  });
  return (
    <Shell data={data} title={t("new.title")}>
      <ProblemNotice problem={problemOfError(error)} />
      <form className="article" aria-busy={isBusy} onSubmit={submit}>
        <ProblemNotice problem={problem} beside={["title", "content"]} />
        <ArticleFields
          values={values}
          problem={problem}
          onEdit={(change) => setValues((before) => ({ ...before, ...change }))}
        />
        <button type="submit" className="primary" disabled={isBusy}>
          {t("new.create")}
        </button>
      </form>
    </Shell>
  );
}
