import { useEffect, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import type { DocumentPageQuery, DocumentTextFragment } from "../../gql/graphql";
import { Dialog } from "../../ui/Dialog";
import { useFormat } from "../../ui/format";
import { problemOfThrown, type Problem } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { TextDiff } from "../../ui/TextDiff";
import { TextField } from "../../ui/TextField";
import { useChange } from "../../ui/useChange";
import { DELETE_DOCUMENT, UPDATE_DOCUMENT } from "./operations";

interface Draft {
  title: string;
  content: string;
  projectId: string;
  /** The version that it began from. */
  version: number;
}

interface Props {
  document: DocumentTextFragment;
  projects: DocumentPageQuery["projects"]["nodes"];
}

const LONGEST_TITLE = 200;
const LONGEST_CONTENT = 100_000;

const draftOf = ({ title, content, project, version }: DocumentTextFragment): Draft => ({
  title,
  content,
  projectId: project?.id ?? "",
  version,
});

/** The text, and its changes until they are saved. What others save meanwhile replaces nothing that was typed. */
export function DocumentEditor({ document, projects }: Props) {
  const { t } = useTranslation("documents");
  const { dateTime } = useFormat();
  const [draft, setDraft] = useState<Draft | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [conflict, setConflict] = useState<DocumentTextFragment | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [isSaved, setSaved] = useState(false);
  const update = useChange(UPDATE_DOCUMENT);
  const id = useId();
  const shown = draft ?? draftOf(document);
  useWarnOfLoss(draft !== null);

  const edit = (change: Partial<Draft>) => {
    setSaved(false);
    setDraft({ ...shown, ...change });
  };
  const save = async (version: number) => {
    setBusy(true);
    setProblem(null);
    const { title, content, projectId } = shown;
    try {
      const input = { id: document.id, title, content, projectId: projectId || null, expectedVersion: version };
      const { answer, problem: found } = await update({ input });
      if (answer?.__typename === "VersionConflict" && answer.current?.__typename === "Document") {
        setConflict(answer.current);
      } else {
        setProblem(found);
        if (!found) {
          setDraft(null);
          setSaved(true);
        }
      }
    } catch (error) {
      setProblem(problemOfThrown(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <form
      className="document"
      aria-busy={isBusy}
      onSubmit={(event) => {
        event.preventDefault();
        if (!isBusy) void save(shown.version);
      }}
    >
      <ProblemNotice problem={problem} />
      {draft && document.version !== draft.version && (
        <p role="status" className="notice">
          {t("changedMeanwhile")}
        </p>
      )}
      <TextField
        label={t("column.title")}
        name="title"
        value={shown.title}
        problem={problem}
        maxLength={LONGEST_TITLE}
        readOnly={!document.viewerCan.update}
        required
        onChange={(event) => edit({ title: event.target.value })}
      />
      <div className="field">
        <label htmlFor={`${id}-project`}>{t("column.project")}</label>
        <select
          id={`${id}-project`}
          value={shown.projectId}
          disabled={!document.viewerCan.update}
          onChange={(event) => edit({ projectId: event.target.value })}
        >
          <option value="">{t("noProject")}</option>
          {withOwn(projects, document.project).map((project) => (
            <option key={project.id} value={project.id}>
              {project.name}
            </option>
          ))}
        </select>
      </div>
      <div className="field">
        <label htmlFor={`${id}-content`}>{t("content")}</label>
        <textarea
          id={`${id}-content`}
          value={shown.content}
          rows={18}
          maxLength={LONGEST_CONTENT}
          readOnly={!document.viewerCan.update}
          onChange={(event) => edit({ content: event.target.value })}
        />
      </div>
      <p className="soft">{t("writtenBy", { name: document.creator.fullName, at: dateTime(document.updatedAt) })}</p>
      <div className="row">
        {document.viewerCan.update && (
          <button type="submit" className="primary" disabled={!draft || isBusy}>
            {t("save")}
          </button>
        )}
        {draft && (
          <button type="button" onClick={() => setDraft(null)}>
            {t("discard")}
          </button>
        )}
        <span role="status">{isSaved && !draft && t("saved")}</span>
        {document.viewerCan.delete && !draft && <DeleteButton document={document} onProblem={setProblem} />}
      </div>
      {conflict && (
        <ConflictDialog
          mine={shown}
          theirs={conflict}
          onClose={() => setConflict(null)}
          onMine={() => {
            setConflict(null);
            void save(conflict.version);
          }}
          onTheirs={() => {
            setConflict(null);
            setDraft(null);
          }}
        />
      )}
    </form>
  );
}

/** Projects to choose from, with the document's own, which may be further down the list. */
function withOwn(projects: Props["projects"], own: Props["projects"][number] | null | undefined): Props["projects"] {
  return own && !projects.some(({ id }) => id === own.id) ? [own, ...projects] : projects;
}

/** Have the browser ask before it leaves a page with changes that are not saved. */
function useWarnOfLoss(isAtStake: boolean): void {
  useEffect(() => {
    if (!isAtStake) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [isAtStake]);
}

function DeleteButton({ document, onProblem }: { document: DocumentTextFragment; onProblem: (problem: Problem | null) => void }) {
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

interface ConflictProps {
  mine: Draft;
  theirs: DocumentTextFragment;
  onMine: () => void;
  onTheirs: () => void;
  onClose: () => void;
}

/** Two people have changed one document: both texts side by side, as one, to choose from. */
function ConflictDialog({ mine, theirs, onMine, onTheirs, onClose }: ConflictProps) {
  const { t } = useTranslation();
  return (
    <Dialog title={t("conflict.title")} onClose={onClose}>
      <p>{t("conflict.explanation")}</p>
      <div className="compared">
        <TextDiff before={`${theirs.title}\n\n${theirs.content}`} after={`${mine.title}\n\n${mine.content}`} />
      </div>
      <div className="row">
        <button type="button" className="primary" onClick={onMine}>
          {t("conflict.mine")}
        </button>
        <button type="button" onClick={onTheirs}>
          {t("conflict.theirs")}
        </button>
      </div>
    </Dialog>
  );
}
