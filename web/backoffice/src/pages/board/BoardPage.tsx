import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Shell } from "../../shell/Shell";
import { Loading } from "../../ui/Loading";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { useProblemText } from "../../ui/problem";
import { ConflictTable } from "../../ui/ConflictTable";
import { BoardFilters } from "./BoardFilters";
import { BoardView } from "./BoardView";
import type { BoardTask } from "./boardState";
import { useBoardAddress } from "./filters";
import { TaskDialog } from "./TaskDialog";
import { useBoard, type TaskChange } from "./useBoard";
import { useMoves, type MoveConflict, type Moves } from "./useMoves";
import "./board.css";
import "./card.css";

/** The board of tasks: a column for each status, with others' changes as they happen. */
export default function BoardPage() {
  const { t } = useTranslation("board");
  const { filters, openTaskId, openTask, closeTask, ...address } = useBoardAddress();
  const [news, setNews] = useState("");
  const describe = useNews();
  const board = useBoard(filters, openTaskId, (change, before) => setNews(describe(change, before)));
  const moves = useMoves(board);
  const { data } = board.state;
  return (
    <Shell data={data ?? undefined} title={t("title")}>
      <ProblemNotice problem={board.problem} />
      {board.problem && (
        <button type="button" onClick={board.reload}>
          {t("reload")}
        </button>
      )}
      {!data && board.isLoading && <Loading />}
      {data && (
        <div className="board" aria-busy={board.isLoading}>
          <div className="bar">
            <BoardFilters data={data} filters={filters} {...address} />
            <p role="status" className="news">
              {news && (
                <>
                  <span className="pulse" aria-hidden="true" />
                  {news}
                </>
              )}
            </p>
          </div>
          <RefusalNotice {...moves} />
          {moves.conflict && <MoveConflictChoice {...moves} conflict={moves.conflict} />}
          <BoardView board={board} moves={moves} filters={filters} onOpen={openTask} />
          {openTaskId && (
            <TaskDialog
              key={openTaskId}
              id={openTaskId}
              first={data.task?.id === openTaskId ? data : null}
              choices={data}
              onClose={closeTask}
              onChanged={board.take}
              onDeleted={(id) => board.dispatch({ type: "removed", id })}
            />
          )}
        </div>
      )}
    </Shell>
  );
}

/** Return what a change of somebody else's is called. */
function useNews() {
  const { t } = useTranslation("board");
  return ({ action, fields, actor, task }: TaskChange, before?: BoardTask): string => {
    const texts = { name: actor?.fullName ?? t("news.somebody"), title: task?.title ?? before?.title ?? t("news.aTask") };
    if (action === "CREATE") return t("news.created", texts);
    if (!task) return t("news.deleted", texts);
    if (fields.includes("status")) return t("news.moved", { ...texts, column: t(`status.${task.status}`) });
    if (fields.includes("position")) return t("news.placed", texts);
    return t("news.changed", texts);
  };
}

/** Says why a card is back where it was. */
function RefusalNotice({ refusal, dismiss }: Pick<Moves, "refusal" | "dismiss">) {
  const { t } = useTranslation("board");
  const describe = useProblemText();
  return (
    <div role="alert" className="problem refusal">
      {refusal && (
        <>
          <p>
            {t("refused", { title: refusal.task.title, column: t(`status.${refusal.task.status}`) })}{" "}
            {describe(refusal.problem)}
          </p>
          <button type="button" className="quiet" onClick={dismiss}>
            {t("dismiss")}
          </button>
        </>
      )}
    </div>
  );
}

type MoveConflictProps = Pick<Moves, "move" | "dropConflict"> & { conflict: MoveConflict };

function MoveConflictChoice({ conflict: { seen, current, place }, move, dropConflict }: MoveConflictProps) {
  const { t } = useTranslation("board");
  const others: [string, string | undefined, string | undefined][] = [
    [t("fields.title"), seen.title, current.title],
    [t("fields.priority"), t(`priority.${seen.priority}`), t(`priority.${current.priority}`)],
    [t("fields.assignee"), seen.assignee?.fullName, current.assignee?.fullName],
    [t("fields.project"), seen.project?.name, current.project?.name],
  ];
  const differences = [
    { name: t("fields.status"), mine: t(`status.${place.status}`), theirs: t(`status.${current.status}`) },
    ...others.filter(([, before, now]) => before !== now).map(([name, before, now]) => ({
      name,
      mine: <span className="soft">{t("conflict.untouched", { value: before || "–" })}</span>,
      theirs: now,
    })),
  ];
  return (
    <ConflictTable
      title={t("conflict.moved", { title: current.title })}
      differences={differences}
      mineText={t("conflict.moveAnyway", { column: t(`status.${place.status}`) })}
      onMine={() => void move(current, place)}
      onTheirs={dropConflict}
    />
  );
}
