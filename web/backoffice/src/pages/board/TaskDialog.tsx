import { useEffect, useEffectEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "urql";
import type { TaskDetailsFragment } from "../../gql/graphql";
import { useFormat } from "../../ui/format";
import { Dialog } from "../../ui/Dialog";
import { Loading } from "../../ui/Loading";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { problemOfError, type Problem } from "../../ui/problem";
import { clearPersistedState, hasPersistedState } from "../../ui/usePersistedState";
import type { BoardTask } from "./boardState";
import { Comments } from "./Comments";
import { OPEN_TASK_CHANGES, TASK } from "./operations";
import type { Choices } from "./taskDraft";
import { TaskForm } from "./TaskForm";
import { TaskHistory } from "./TaskHistory";
import "./task.css";

interface Loaded {
  feedCursor: string;
  task?: TaskDetailsFragment | null;
}

interface Props {
  id: string;
  /** The task, where the page's own query brought it. */
  first: Loaded | null;
  choices: Choices;
  onClose: () => void;
  onChanged: (task: BoardTask) => void;
  onDeleted: (id: string) => void;
}

/** One task: its form, its comments and its history. What others change comes by itself, but never over what is typed. */
export function TaskDialog({ id, first, choices, onClose, onChanged, onDeleted }: Props) {
  const { t } = useTranslation("board");
  const { moment } = useFormat();
  const client = useClient();
  const [loaded, setLoaded] = useState<Loaded | null>(first);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isLeaving, setLeaving] = useState(false);

  const isMissing = loaded === null;
  useEffect(() => {
    if (!isMissing) return;
    let isWanted = true;
    void client.query(TASK, { id }, { requestPolicy: "network-only" }).then(({ data, error }) => {
      if (!isWanted) return;
      if (data) setLoaded(data);
      setProblem(problemOfError(error));
    });
    return () => {
      isWanted = false;
    };
  }, [client, id, isMissing]);

  const update = (task: Partial<TaskDetailsFragment> & { version: number }) =>
    setLoaded((before) => {
      if (!before?.task || before.task.version > task.version) return before;
      return { ...before, task: { ...before.task, ...task } };
    });
  const onLive = useEffectEvent((task: (Partial<TaskDetailsFragment> & { version: number }) | null | undefined) => {
    if (task) update(task);
    else setLoaded((before) => before && { ...before, task: null });
  });
  const cursor = loaded?.feedCursor;
  useEffect(() => {
    if (cursor === undefined) return;
    const live = client.subscription(OPEN_TASK_CHANGES, { id, after: cursor });
    const following = live.subscribe(({ data }) => data && onLive(data.taskChanged.task));
    return () => following.unsubscribe();
  }, [client, id, cursor]);

  const task = loaded?.task;
  const close = () => (hasPersistedState(id) && task && !isLeaving ? setLeaving(true) : onClose());
  const discard = () => {
    clearPersistedState(id);
    onClose();
  };
  return (
    <Dialog title={task?.title ?? t("task.title")} onClose={close}>
      <div className="task-dialog">
        <ProblemNotice problem={problem} />
        {isLeaving && (
          <div role="alert" className="question">
            <p>{t("task.leave")}</p>
            <div className="row">
              <button type="button" className="danger" onClick={discard}>
                {t("task.discard")}
              </button>
              <button type="button" onClick={() => setLeaving(false)} autoFocus>
                {t("task.stay")}
              </button>
            </div>
          </div>
        )}
        {isMissing && !problem && <Loading />}
        {loaded && !task && <p role="status">{t("task.gone")}</p>}
        {loaded && task && (
          <>
            <TaskForm
              task={task}
              choices={choices}
              onSaved={(saved) => {
                update(saved);
                onChanged(saved);
              }}
              onDeleted={() => {
                onDeleted(id);
                onClose();
              }}
            />
            <aside>
              <Comments taskId={id} first={task.comments} feedCursor={loaded.feedCursor} />
              <TaskHistory id={id} />
              <p className="soft made">
                {t("task.made", { name: task.creator.fullName, date: moment(task.createdAt) })}
                <br />
                {t("task.changed", { date: moment(task.updatedAt) })}
              </p>
            </aside>
          </>
        )}
      </div>
    </Dialog>
  );
}
