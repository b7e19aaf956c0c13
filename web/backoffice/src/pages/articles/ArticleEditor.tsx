import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import type { ArticleStatus, ArticleTextFragment } from "../../gql/graphql";
import { ConfirmDialog } from "../../ui/ConfirmDialog";
import { DraftButtons } from "../../ui/DraftButtons";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { useChange } from "../../ui/useChange";
import { useDraft } from "../../ui/useDraft";
import { ArticleFields, type ArticleValues } from "./ArticleFields";
import { ArticleFacts } from "./ArticleFacts";
import { DELETE_ARTICLE, UPDATE_ARTICLE } from "./operations";

const draftOf = ({ title, content, language }: ArticleTextFragment): ArticleValues => ({ title, content, language });
const textOf = ({ title, content }: { title: string; content: string }) => `${title}\n\n${content}`;

/** An article with what the viewer may do about it: change, publish, take back into a draft, delete. */
export function ArticleEditor({ article }: { article: ArticleTextFragment }) {
  const { t } = useTranslation("articles");
  const update = useChange(UPDATE_ARTICLE);
  const change = async (input: Partial<ArticleValues> & { status?: ArticleStatus }, expectedVersion: number) => {
    const { answer, problem } = await update({ input: { id: article.id, ...input, expectedVersion } });
    const current = answer?.__typename === "VersionConflict" ? answer.current : null;
    return { problem, theirs: current?.__typename === "Article" ? current : null };
  };
  const form = useDraft({ name: article.id, current: article, draftOf, save: change });
  const { values, problem } = form;
  const { update: mayUpdate, publish: mayPublish, delete: mayDelete } = article.viewerCan;
  const turn = async (status: ArticleStatus) => form.setProblem((await change({ status }, article.version)).problem);
  return (
    <form className="article" aria-busy={form.isBusy} onSubmit={form.submit}>
      <ArticleFacts article={article} />
      <ProblemNotice problem={problem} beside={["title", "content"]} />
      {form.isOutdated && (
        <p role="status" className="notice">
          {t("changedMeanwhile")}
        </p>
      )}
      <ArticleFields values={values} problem={problem} isReadOnly={!mayUpdate} onEdit={form.edit} />
      <DraftButtons form={form} isReadOnly={!mayUpdate} textOf={textOf}>
        {mayPublish && article.status === "DRAFT" && (
          <button type="button" onClick={() => void turn("PUBLISHED")}>
            {t("publish")}
          </button>
        )}
        {mayUpdate && article.status === "PUBLISHED" && (
          <button type="button" onClick={() => void turn("DRAFT")}>
            {t("unpublish")}
          </button>
        )}
        {mayDelete && <DeleteButton article={article} />}
      </DraftButtons>
    </form>
  );
}

/** Deletes after a question: an article does not go into any trash. */
function DeleteButton({ article }: { article: ArticleTextFragment }) {
  const { t } = useTranslation("articles");
  const [, navigate] = useLocation();
  const [isAsking, setAsking] = useState(false);
  const remove = useChange(DELETE_ARTICLE);
  const run = async () => {
    const { problem } = await remove({ id: article.id });
    if (!problem) navigate("/articles");
    return problem;
  };
  return (
    <>
      <button type="button" className="danger" onClick={() => setAsking(true)}>
        {t("delete")}
      </button>
      {isAsking && (
        <ConfirmDialog title={t("deleteQuestion")} action={t("delete")} onConfirm={run} onClose={() => setAsking(false)}>
          <p>{t("deleteExplanation", { title: article.title })}</p>
        </ConfirmDialog>
      )}
    </>
  );
}
