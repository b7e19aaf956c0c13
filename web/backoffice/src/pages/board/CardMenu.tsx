import { useEffect, useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { TaskStatus } from "../../gql/graphql";
import { STATUSES, type BoardTask } from "./boardState";

export interface MenuMoves {
  onMoveTo: (status: TaskStatus) => void;
  /** Within the column; each is missing where it leads nowhere. */
  onTop?: () => void;
  onUp?: () => void;
  onDown?: () => void;
}

/** Moves without dragging: to another column, where the card comes first, and within its own. */
export function CardMenu({ task, isDisabled, ...moves }: MenuMoves & { task: BoardTask; isDisabled: boolean }) {
  const { t } = useTranslation("board");
  const button = useRef<HTMLButtonElement>(null);
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  return (
    <>
      <button
        type="button"
        ref={button}
        className="quiet more"
        aria-label={t("card.menu", { title: task.title })}
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        disabled={isDisabled}
        onClick={() => setOpen(!isOpen)}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true">
          {[3, 8, 13].map((x) => (
            <circle key={x} cx={x} cy="8" r="1.5" />
          ))}
        </svg>
      </button>
      {isOpen && <Menu id={id} task={task} source={button} onClose={() => setOpen(false)} {...moves} />}
    </>
  );
}

interface MenuProps extends MenuMoves {
  id: string;
  task: BoardTask;
  source: React.RefObject<HTMLButtonElement | null>;
  onClose: () => void;
}

function Menu({ id, task, source, onClose, onMoveTo, onTop, onUp, onDown }: MenuProps) {
  const { t } = useTranslation("board");
  const menu = useRef<HTMLDivElement>(null);
  useEffect(() => {
    menu.current?.showPopover({ source: source.current ?? undefined });
    menu.current?.querySelector("button")?.focus();
  }, [source]);
  const item = (text: string, act: (() => void) | undefined) =>
    act && (
      <button
        type="button"
        className="quiet"
        onClick={() => {
          menu.current?.hidePopover();
          act();
        }}
      >
        {text}
      </button>
    );
  return (
    <div
      ref={menu}
      id={id}
      popover="auto"
      role="group"
      className="card-menu"
      aria-label={t("card.menu", { title: task.title })}
      onMouseDown={(event) => event.stopPropagation()} // it is no part of what can be dragged
      onTouchStart={(event) => event.stopPropagation()}
      onToggle={(event) => event.newState === "closed" && onClose()}
    >
      {STATUSES.filter((status) => status !== task.status).map((status) => (
        <div key={status}>{item(t("card.moveTo", { column: t(`status.${status}`) }), () => onMoveTo(status))}</div>
      ))}
      {item(t("card.top"), onTop)}
      {item(t("card.up"), onUp)}
      {item(t("card.down"), onDown)}
    </div>
  );
}
