import { closestCenter, DndContext, DragOverlay, MeasuringStrategy, pointerWithin, type CollisionDetection } from "@dnd-kit/core";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { TaskStatus } from "../../gql/graphql";
import { arrange, placeAt, STATUSES, type BoardTask, type Place } from "./boardState";
import { Card, CardFace } from "./Card";
import { Column } from "./Column";
import type { Filters } from "./filters";
import type { NewTaskDefaults } from "./NewTask";
import { useNow } from "./parts";
import type { Board } from "./useBoard";
import { useDrag } from "./useDrag";
import type { Moves } from "./useMoves";

interface Props {
  board: Board;
  moves: Moves;
  filters: Filters;
  onOpen: (id: string) => void;
}

const MEASURING = { droppable: { strategy: MeasuringStrategy.Always } };
const SILENT = { onDragStart: noText, onDragOver: noText, onDragEnd: noText, onDragCancel: noText }; // the board says it itself

function noText(): undefined {
  return undefined;
}

const findColumn: CollisionDetection = (args) => {
  const within = pointerWithin(args);
  return within.length > 0 ? within : closestCenter(args);
};

/** The columns with their cards, which can be moved among them. */
export function BoardView({ board, moves, filters, onOpen }: Props) {
  const { t } = useTranslation("board");
  const { state, dispatch, take, loadMore } = board;
  const now = useNow();
  const [said, setSaid] = useState("");
  const focusOn = useFocusAfterMoves();
  const move = async (task: BoardTask, place: Place) => {
    const isDone = moves.move(task, place);
    focusOn(task.id);
    if (!(await isDone)) focusOn(task.id);
  };
  const { drag, sensors, ...handlers } = useDrag({
    hold: (id) => dispatch({ type: "held", id }),
    release: () => dispatch({ type: "released" }),
    move: (task, place) => void move(task, place),
    say: setSaid,
  });
  const columns = useMemo(() => arrange(state, drag ? { id: drag.task.id, place: drag.place } : undefined), [state, drag]);
  useEffect(() => {
    if (drag?.isByKeyboard) focusOn(drag.task.id);
  }, [drag, focusOn]);

  const canCreate = state.data?.viewer?.permissions.includes("TASKS_WRITE");
  const defaults = canCreate ? defaultsOf(filters, state.data?.viewer?.user?.id) : null;

  const renderCard = (status: TaskStatus) => (task: BoardTask, index: number) => {
    const ids = columns[status].map(({ id }) => id).filter((id) => id !== task.id);
    const go = (place: Place) => {
      void move(task, place);
      setSaid(t("drag.dropped", placed(place)));
    };
    const placed = (place: Place) => {
      const others = columns[place.status].filter(({ id }) => id !== task.id);
      const position = 1 + (place.after ? others.findIndex(({ id }) => id === place.after) + 1 : 0);
      return { title: task.title, column: t(`status.${place.status}`), position, count: others.length + 1 };
    };
    const to = (next: number) => () => go(placeAt(status, ids, next));
    const isHeld = drag?.task.id === task.id;
    return (
      <Card
        key={task.id}
        task={task}
        now={now}
        isPending={state.places.has(task.id)}
        look={isHeld ? (drag.isByKeyboard ? "lifted" : "shadow") : undefined}
        onOpen={() => onOpen(task.id)}
        onMoveTo={(column) => go(placeAt(column, columns[column].map(({ id }) => id), 0))}
        onTop={index > 1 ? to(0) : undefined}
        onUp={index > 0 ? to(index - 1) : undefined}
        onDown={index < ids.length ? to(index + 1) : undefined}
      />
    );
  };

  return (
    <DndContext
      sensors={sensors}
      collisionDetection={findColumn}
      measuring={MEASURING}
      accessibility={{ announcements: SILENT, screenReaderInstructions: { draggable: t("drag.instructions") } }}
      {...handlers}
    >
      <div className={drag ? "columns dragging" : "columns"} tabIndex={-1}>
        {STATUSES.map((status) => (
          <Column
            key={status}
            status={status}
            column={state.columns[status]}
            count={state.columns[status].count + onTheWay(state, status)}
            tasks={columns[status]}
            isTarget={drag?.place.status === status}
            defaults={defaults}
            onCreated={take}
            onMore={() => loadMore(status)}
            renderCard={renderCard(status)}
          />
        ))}
      </div>
      <p role="status" aria-live="assertive" className="visually-hidden">
        {said}
      </p>
      <DragOverlay dropAnimation={null}>
        {drag && !drag.isByKeyboard && (
          <div className="card task in-hand">
            <CardFace task={drag.task} now={now} />
          </div>
        )}
      </DragOverlay>
    </DndContext>
  );
}

/** Return how many more cards a column has for moves that are not answered yet. */
function onTheWay({ tasks, places }: Board["state"], status: TaskStatus): number {
  let more = 0;
  for (const [id, place] of places) {
    const from = tasks.get(id)?.status;
    if (from !== undefined && from !== place.status) more += place.status === status ? 1 : from === status ? -1 : 0;
  }
  return more;
}

function defaultsOf({ project, assignee, label }: Filters, me: string | undefined): NewTaskDefaults {
  return {
    ...(project && { projectId: project }),
    ...(assignee && { assigneeId: assignee === "me" ? me : assignee }),
    ...(label && { labelIds: [label] }),
  };
}

/** Keeps the focus on a card that is moved, although it is another element in another column. */
function useFocusAfterMoves(): (id: string) => void {
  const timer = useRef(0);
  useEffect(() => () => cancelAnimationFrame(timer.current), []);
  const [focus] = useState(() => (id: string) => {
    cancelAnimationFrame(timer.current);
    timer.current = requestAnimationFrame(() => {
      const card = document.querySelector<HTMLElement>(`[data-task="${id}"]`);
      const button = card?.querySelector<HTMLElement>("button.grip");
      if (document.activeElement === document.body || card?.contains(document.activeElement)) button?.focus();
      card?.scrollIntoView({ block: "nearest", inline: "nearest" });
    });
  });
  return focus;
}
