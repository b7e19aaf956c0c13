import { useDraggable } from "@dnd-kit/core";
import { useTranslation } from "react-i18next";
import type { BoardTask } from "./boardState";
import { CardMenu, type MenuMoves } from "./CardMenu";
import { Assignee, DueDate, Labels, Priority } from "./parts";

interface Props extends MenuMoves {
  task: BoardTask;
  now: number;
  /** Whether its move is not answered yet. */
  isPending: boolean;
  /** In somebody's hand: `lifted` where the keyboard moves it, `shadow` where it follows a pointer. */
  look?: "lifted" | "shadow";
  onOpen: () => void;
}

/** A card in a column: all of it can be dragged; by keyboard, its handle; and without dragging, its menu. */
export function Card({ task, now, isPending, look, onOpen, ...moves }: Props) {
  const { t } = useTranslation("board");
  const canMove = task.viewerCan.update && !isPending;
  const { setNodeRef, setActivatorNodeRef, listeners, attributes } = useDraggable({
    id: task.id,
    data: { task },
    disabled: !canMove,
    attributes: { roleDescription: t("card.draggable") },
  });
  const { onKeyDown, ...pointer } = listeners ?? {};
  return (
    <li ref={setNodeRef} data-task={task.id} className={`card task ${look ?? ""}`} aria-busy={isPending} {...pointer}>
      <CardFace task={task} now={now} onOpen={onOpen}>
        {task.viewerCan.update && (
          <span className="tools">
            <button
              type="button"
              ref={setActivatorNodeRef}
              className="quiet grip"
              aria-label={t("card.drag", { title: task.title })}
              aria-describedby={attributes["aria-describedby"]}
              aria-roledescription={attributes["aria-roledescription"]}
              aria-disabled={isPending || undefined} // the focus stays on it
              onKeyDown={onKeyDown as React.KeyboardEventHandler}
            >
              <Grip />
            </button>
            <CardMenu task={task} isDisabled={isPending} {...moves} />
          </span>
        )}
      </CardFace>
    </li>
  );
}

function Grip() {
  return (
    <svg viewBox="0 0 10 16" aria-hidden="true">
      {[3, 8, 13].flatMap((y) => [2.5, 7.5].map((x) => <circle key={`${x}/${y}`} cx={x} cy={y} r="1.4" />))}
    </svg>
  );
}

interface FaceProps {
  task: BoardTask;
  now: number;
  onOpen?: () => void;
  children?: React.ReactNode;
}

/** What a card shows, in its column and under a pointer. */
export function CardFace({ task, now, onOpen, children }: FaceProps) {
  return (
    <>
      <div className="top">
        <h3>
          <button type="button" className="title" onClick={onOpen}>
            {task.title}
          </button>
        </h3>
        {children}
      </div>
      <Labels labels={task.labels.nodes} />
      <div className="facts">
        <Priority value={task.priority} />
        <DueDate task={task} now={now} />
      </div>
      <div className="facts">
        {task.project && <span className="project">{task.project.name}</span>}
        {task.assignee && <Assignee name={task.assignee.fullName} />}
      </div>
    </>
  );
}
