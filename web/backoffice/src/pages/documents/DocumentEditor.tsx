import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import type { DocumentPageQuery, DocumentTextFragment } from "../../gql/graphql";
import { DraftButtons } from "../../ui/DraftButtons";
import { useFormat } from "../../ui/format";
import type { Problem } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { SelectField } from "../../ui/SelectField";
import { TextAreaField } from "../../ui/TextAreaField";
import { TextField } from "../../ui/TextField";
import { useChange } from "../../ui/useChange";
import { useDraft } from "../../ui/useDraft";
import { withOwn } from "../../ui/withOwn";
import { DELETE_DOCUMENT, UPDATE_DOCUMENT } from "./operations";

interface Props {
  document: DocumentTextFragment;
  projects: DocumentPageQuery["projects"]["nodes"];
}

const LONGEST_TITLE = 200;
const LONGEST_CONTENT = 100_000;

const draftOf = ({ title, content, project }: DocumentTextFragment) => ({ title, content, projectId: project?.id ?? "" });
const textOf = ({ title, content }: { title: string; content: string }) => `${title}\n\n${content}`;

/** The text of a document, to be changed by whoever may. */
export function DocumentEditor({ document, projects }: Props) {
  const { t } = useTranslation("documents");
  const { moment } = useFormat();
  const update = useChange(UPDATE_DOCUMENT);
  const form = useDraft({
    current: document,
    draftOf,
    save: async ({ title, content, projectId }, expectedVersion) => {
      const input = { id: document.id, title, content, projectId: projectId || null, expectedVersion };
      const { answer, problem } = await update({ input });
      const current = answer?.__typename === "VersionConflict" ? answer.current : null;
      return { problem, theirs: current?.__typename === "Document" ? current : null };
    },
  });
  const { values, edit, problem } = form;
  const isReadOnly = !document.viewerCan.update;
  return (
    <form className="document" aria-busy={form.isBusy} onSubmit={form.submit}>
      <ProblemNotice problem={problem} beside={["title", "content"]} />
      {form.isOutdated && (
        <p role="status" className="notice">
          {t("changedMeanwhile")}
        </p>
      )}
      <TextField
        label={t("column.title")}
        name="title"
        value={values.title}
        problem={problem}
        maxLength={LONGEST_TITLE}
        readOnly={isReadOnly}
        required
        onChange={(event) => edit({ title: event.target.value })}
      />
      <SelectField
        label={t("column.project")}
        value={values.projectId}
        choices={withOwn(projects, document.project)}
        none={t("noProject")}
        isDisabled={isReadOnly}
        onChange={(projectId) => edit({ projectId })}
      />
      <TextAreaField
        label={t("content")}
        name="content"
        problem={problem}
        value={values.content}
        rows={18}
        maxLength={LONGEST_CONTENT}
        readOnly={isReadOnly}
        onChange={(event) => edit({ content: event.target.value })}
      />
      <p className="soft">{t("writtenBy", { name: document.creator.fullName, at: moment(document.updatedAt) })}</p>
      <DraftButtons form={form} isReadOnly={isReadOnly} textOf={textOf}>
        {document.viewerCan.delete && <DeleteButton document={document} onProblem={form.setProblem} />}
      </DraftButtons>
    </form>
  );
}

interface DeleteProps {
  document: DocumentTextFragment;
  onProblem: (problem: Problem | null) => void;
}

function DeleteButton({ document, onProblem }: DeleteProps) {
  const { t } = useTranslation("documents");
  const [, navigate] = useLocation();
  const remove = useChange(DELETE_DOCUMENT);
  const run = async () => {
    const { problem } = await remove({ input: { id: document.id, expectedVersion: document.version } });
    onProblem(problem);
    if (!problem) navigate("/documents/trash"); // where it can be taken back
  };
  return (
    <button type="button" className="danger" onClick={() => void run()}>
      {t("delete")}
    </button>
  );
}
