import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "urql";
import type { CreateTaskInput, TaskStatus } from "../../gql/graphql";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { TextField } from "../../ui/TextField";
import { problemOfAnswer, problemOfError } from "../../ui/problem";
import { useSubmit } from "../../ui/useSubmit";
import { newKey } from "../../ui/newKey";
import type { BoardTask } from "./boardState";
import { CREATE_TASK } from "./operations";

/** What makes a new task meet the filters that the board has. */
export type NewTaskDefaults = Pick<CreateTaskInput, "projectId" | "assigneeId" | "labelIds">;

interface Props {
  status: TaskStatus;
  defaults: NewTaskDefaults;
  onCreated: (task: BoardTask) => void;
}

export function NewTask({ status, defaults, onCreated }: Props) {
  const { t } = useTranslation("board");
  const [isOpen, setOpen] = useState(false);
  if (!isOpen) {
    return (
      <button type="button" className="quiet add" onClick={() => setOpen(true)}>
        <span aria-hidden="true">+</span> {t("new.open")}
        <span className="visually-hidden"> {t("new.in", { column: t(`status.${status}`) })}</span>
      </button>
    );
  }
  return <NewTaskForm status={status} defaults={defaults} onCreated={onCreated} onClose={() => setOpen(false)} />;
}

function NewTaskForm({ status, defaults, onCreated, onClose }: Props & { onClose: () => void }) {
  const { t } = useTranslation("board");
  const client = useClient();
  const [key, setKey] = useState(() => newKey()); // of this task, however often it is sent
  const [title, setTitle] = useState("");
  const { submit, problem, isBusy } = useSubmit(async () => {
    const input = { ...defaults, status, title, idempotencyKey: key };
    const { data, error } = await client.mutation(CREATE_TASK, { input });
    if (data?.createTask.__typename !== "Task") return problemOfAnswer(data?.createTask) ?? problemOfError(error);
    onCreated(data.createTask);
    setTitle("");
    setKey(newKey());
    return null;
  });
  return (
    <form className="new" onSubmit={submit} aria-busy={isBusy} onKeyDown={(event) => event.key === "Escape" && onClose()}>
      <ProblemNotice problem={problem} beside={["title"]} />
      <TextField
        label={t("new.title")}
        name="title"
        value={title}
        onChange={(event) => {
          setTitle(event.target.value);
          setKey(newKey());
        }}
        problem={problem}
        maxLength={200}
        autoComplete="off"
        required
        autoFocus
      />
      <div className="row">
        <button type="submit" className="primary" disabled={isBusy}>
          {t("new.add")}
        </button>
        <button type="button" className="quiet" onClick={onClose}>
          {t("new.close")}
        </button>
      </div>
    </form>
  );
}
