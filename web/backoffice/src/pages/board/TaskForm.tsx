import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "urql";
import type { BoardUpdateTaskMutation, TaskDetailsFragment, TaskPriority, TaskStatus } from "../../gql/graphql";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { TextField } from "../../ui/TextField";
import { problemOfAnswer, problemOfError, type Problem } from "../../ui/problem";
import { SelectField } from "../../ui/SelectField";
import { TextAreaField } from "../../ui/TextAreaField";
import { withOwn } from "../../ui/withOwn";
import { ConflictTable } from "../../ui/ConflictTable";
import { usePersistedState } from "../../ui/usePersistedState";
import { STATUSES } from "./boardState";
import { DeleteTask } from "./DeleteTask";
import { UPDATE_TASK } from "./operations";
import { PRIORITIES } from "./parts";
import { changesOf, differencesOf, draftOf, type Choices, type Draft } from "./taskDraft";

type Saved = Extract<BoardUpdateTaskMutation["updateTask"], { __typename: "Task" }>;

interface Props {
  task: TaskDetailsFragment;
  choices: Choices;
  onSaved: (task: Saved) => void;
  onDeleted: () => void;
}

/** The fields of a task. What others change shows at once in a form that nobody has touched, and else as a choice. */
export function TaskForm({ task, choices, onSaved, onDeleted }: Props) {
  const { t } = useTranslation("board");
  const client = useClient();
  const [kept, setKept] = usePersistedState<{ base: TaskDetailsFragment; draft: Draft } | null>(task.id, null);
  const { base, draft } = kept ?? { base: task, draft: draftOf(task) }; // base is what the form began with
  const [theirs, setTheirs] = useState<Saved | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [note, setNote] = useState<"task.saved" | "task.others" | null>(null);
  const [isBusy, setBusy] = useState(false);
  const changes = changesOf(base, draft);
  const isDirty = Object.keys(changes).length > 0;
  const isBehind = task.version > base.version;

  const set = <Name extends keyof Draft>(name: Name, value: Draft[Name]) => {
    setKept((before) => {
      const began = before ?? { base: task, draft: draftOf(task) };
      const next = { ...began.draft, [name]: value };
      return Object.keys(changesOf(began.base, next)).length > 0 ? { base: began.base, draft: next } : null;
    });
    setNote(null);
  };
  const adopt = () => {
    setKept(null);
    setTheirs(null);
  };
  const save = async (expectedVersion: number) => {
    setBusy(true);
    setProblem(null);
    const { data, error } = await client.mutation(UPDATE_TASK, { input: { id: task.id, ...changes, expectedVersion } });
    setBusy(false);
    const answer = data?.updateTask;
    if (answer?.__typename === "Task") {
      adopt();
      onSaved(answer);
      setNote("task.saved");
    } else if (answer?.__typename === "VersionConflict" && answer.current?.__typename === "Task") {
      setTheirs(answer.current);
    } else {
      setProblem(problemOfAnswer(answer) ?? problemOfError(error));
    }
  };

  const canUpdate = task.viewerCan.update;
  const people = choices.users.nodes.filter(({ id, isActive }) => isActive || id === base.assignee?.id);
  return (
    <form
      className="task-form"
      aria-busy={isBusy}
      onSubmit={(event) => {
        event.preventDefault();
        if (!isBusy && isDirty) void save(base.version);
      }}
    >
      <ProblemNotice problem={problem} beside={["title", "description", "dueDate"]} />
      {theirs && (
        <ConflictTable
          title={t("conflict.edited")}
          differences={differencesOf(base, draft, theirs, choices, t)}
          isBusy={isBusy}
          onMine={() => void save(theirs.version)}
          onTheirs={() => {
            adopt();
            onSaved(theirs);
          }}
        />
      )}
      <fieldset disabled={!canUpdate}>
        <legend className="visually-hidden">{t("task.title")}</legend>
        <TextField label={t("fields.title")} name="title" value={draft.title} maxLength={200} required problem={problem} onChange={(event) => set("title", event.target.value)} />
        <TextAreaField label={t("fields.description")} name="description" value={draft.description} maxLength={2000} rows={5} problem={problem} onChange={(event) => set("description", event.target.value)} />
        <div className="pair">
          <SelectField label={t("fields.status")} value={draft.status} onChange={(value) => set("status", value as TaskStatus)} choices={STATUSES.map((status) => ({ id: status, name: t(`status.${status}`) }))} />
          <SelectField label={t("fields.priority")} value={draft.priority} onChange={(value) => set("priority", value as TaskPriority)} choices={PRIORITIES.map((priority) => ({ id: priority, name: t(`priority.${priority}`) }))} />
          <SelectField label={t("fields.assignee")} value={draft.assigneeId} onChange={(value) => set("assigneeId", value)} none={t("none.assignee")} choices={withOwn(people.map(({ id, fullName }) => ({ id, name: fullName })), base.assignee && { id: base.assignee.id, name: base.assignee.fullName })} />
          <SelectField label={t("fields.project")} value={draft.projectId} onChange={(value) => set("projectId", value)} none={t("none.project")} choices={withOwn(choices.projects.nodes, base.project)} />
          <TextField label={t("fields.dueDate")} name="dueDate" type="datetime-local" value={draft.dueDate} problem={problem} onChange={(event) => set("dueDate", event.target.value)} />
        </div>
        <LabelChoice choices={withOwn(choices.labels.nodes, ...base.labels.nodes)} value={draft.labelIds} onChange={(ids) => set("labelIds", ids)} />
      </fieldset>
      <div className="row actions">
        {canUpdate && (
          <button type="submit" className="primary" disabled={isBusy || !isDirty}>
            {t("task.save")}
          </button>
        )}
        <span role="status" className={note === "task.saved" ? "saved" : "soft"}>
          {note ? t(note) : isBehind && isDirty && !theirs ? t("task.others") : ""}
        </span>
        {task.viewerCan.delete && <DeleteTask id={task.id} onDeleted={onDeleted} />}
      </div>
    </form>
  );
}

interface LabelProps {
  choices: Choices["labels"]["nodes"];
  value: readonly string[];
  onChange: (ids: string[]) => void;
}

function LabelChoice({ choices, value, onChange }: LabelProps) {
  const { t } = useTranslation("board");
  const id = useId();
  if (choices.length === 0) return null;
  return (
    <div className="field" role="group" aria-labelledby={id}>
      <span id={id} className="caption">
        {t("fields.labels")}
      </span>
      <div className="label-choice">
        {choices.map((label) => (
          <label key={label.id} className={`label label-${label.color}`}>
            <input
              type="checkbox"
              checked={value.includes(label.id)}
              onChange={({ target }) => onChange(target.checked ? [...value, label.id] : value.filter((each) => each !== label.id))}
            />
            {label.name}
          </label>
        ))}
      </div>
    </div>
  );
}
