import { useDroppable } from "@dnd-kit/core";
import { useId, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { TaskStatus } from "../../gql/graphql";
import { ProblemNotice } from "../../ui/ProblemNotice";
import type { Problem } from "../../ui/problem";
import type { BoardTask, Column as ColumnState } from "./boardState";
import { NewTask, type NewTaskDefaults } from "./NewTask";

interface Props {
  status: TaskStatus;
  column: ColumnState;
  count: number;
  tasks: BoardTask[];
  isTarget: boolean;
  /** What a new task is given; null for whoever may make none. */
  defaults: NewTaskDefaults | null;
  onCreated: (task: BoardTask) => void;
  onMore: () => Promise<Problem | null>;
  renderCard: (task: BoardTask, index: number) => ReactNode;
}

/** A column: cards that were loaded, then the rest by a button, then cards behind it that are known by their changes. */
export function Column({ status, column, count, tasks, isTarget, defaults, onCreated, onMore, renderCard }: Props) {
  const { t } = useTranslation("board");
  const id = useId();
  const { setNodeRef } = useDroppable({ id: status });
  const cards = tasks.map((task, index) => ({ task, node: renderCard(task, index) }));
  const split = column.cursor === null ? cards.length : cards.findIndex(({ task }) => task.position > column.end);
  const loaded = split < 0 ? cards.length : split;
  return (
    <section className={isTarget ? "column target" : "column"} aria-labelledby={id} data-column={status}>
      <header>
        <h2 id={id}>
          <span className={`dot dot-${status}`} aria-hidden="true" />
          {t(`status.${status}`)}
          <span className="count">
            <span className="visually-hidden">: </span>
            {count}
            <span className="visually-hidden"> {t("tasks", { count })}</span>
          </span>
        </h2>
      </header>
      <ul ref={setNodeRef} className="cards">
        {cards.slice(0, loaded).map(({ node }) => node)}
        {column.cursor !== null && (
          <li>
            <More left={count - tasks.length} onMore={onMore} />
          </li>
        )}
        {cards.slice(loaded).map(({ node }) => node)}
        {tasks.length === 0 && column.cursor === null && <li className="soft empty">{t("empty")}</li>}
      </ul>
      {defaults && <NewTask status={status} defaults={defaults} onCreated={onCreated} />}
    </section>
  );
}

function More({ left, onMore }: { left: number; onMore: () => Promise<Problem | null> }) {
  const { t } = useTranslation("board");
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const load = async () => {
    setBusy(true);
    setProblem(await onMore());
    setBusy(false);
  };
  return (
    <>
      <ProblemNotice problem={problem} />
      <button type="button" className="load" disabled={isBusy} onClick={() => void load()}>
        {t("more", { count: Math.max(left, 1) })}
      </button>
    </>
  );
}
