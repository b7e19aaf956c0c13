import {
  KeyboardSensor,
  MouseSensor,
  TouchSensor,
  useSensor,
  useSensors,
  type DragMoveEvent,
  type DragStartEvent,
} from "@dnd-kit/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { TaskStatus } from "../../gql/graphql";
import { isSamePlace, placeAt, STATUSES, type BoardTask, type Place } from "./boardState";

export interface Drag {
  /** As it was when it was picked up. */
  task: BoardTask;
  place: Place;
  from: Place;
  isByKeyboard: boolean;
}

interface Options {
  hold: (id: string) => void;
  release: () => void;
  move: (task: BoardTask, place: Place) => void;
  say: (text: string) => void;
}

const ARROWS = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"];

/**
 * Dragging by mouse, touch and keyboard. Where a card would go is read from the page itself: beside the cards of the column
 * that is under the pointer; the arrow keys go from place to place.
 */
export function useDrag({ hold, release, move, say }: Options) {
  const { t } = useTranslation("board");
  const [drag, setDrag] = useState<Drag | null>(null);

  const tell = (key: "drag.started" | "drag.moved" | "drag.dropped", task: BoardTask, place: Place) => {
    const ids = idsIn(place.status, task.id);
    const position = 1 + (place.after ? ids.indexOf(place.after) + 1 : 0);
    say(t(key, { title: task.title, column: t(`status.${place.status}`), position, count: ids.length + 1 }));
  };
  const goTo = (place: Place) => setDrag((before) => before && (isSamePlace(before.place, place) ? before : { ...before, place }));

  const onArrow = (key: string, task: BoardTask) => {
    const place = stepFrom(key, task.id);
    if (!place) return;
    goTo(place);
    tell("drag.moved", task, place);
  };
  const sensors = useSensors(
    useSensor(MouseSensor, { activationConstraint: { distance: 6 } }),
    useSensor(TouchSensor, { activationConstraint: { delay: 220, tolerance: 8 } }),
    useSensor(KeyboardSensor, {
      coordinateGetter: (event, { context }) => {
        if (ARROWS.includes(event.code) && context.active) {
          event.preventDefault();
          onArrow(event.code, taskOf(context.active));
        }
        return undefined;
      },
    }),
  );

  return {
    drag,
    sensors,
    onDragStart({ active, activatorEvent }: DragStartEvent) {
      const task = taskOf(active);
      const from = placeOf(task.id);
      hold(task.id);
      setDrag({ task, place: from, from, isByKeyboard: activatorEvent instanceof KeyboardEvent });
      tell("drag.started", task, from);
    },
    onDragMove({ active, activatorEvent }: DragMoveEvent) {
      const rect = active.rect.current.translated;
      if (!rect || activatorEvent instanceof KeyboardEvent) return;
      goTo(placeUnder(rect.left + rect.width / 2, rect.top + rect.height / 2, taskOf(active).id));
    },
    onDragEnd() {
      setDrag(null);
      if (drag && !isSamePlace(drag.place, drag.from)) {
        move(drag.task, drag.place);
        tell("drag.dropped", drag.task, drag.place);
      } else {
        say(t("drag.cancelled", { title: drag?.task.title }));
      }
      release();
    },
    onDragCancel() {
      setDrag(null);
      release();
      say(t("drag.cancelled", { title: drag?.task.title }));
    },
  };
}

const taskOf = (active: { data: { current?: object } }) => (active.data.current as { task: BoardTask }).task;

const columnOf = (status: TaskStatus) => document.querySelector(`[data-column="${status}"]`);

function cardsIn(status: TaskStatus, without: string): HTMLElement[] {
  const cards = [...(columnOf(status)?.querySelectorAll<HTMLElement>("[data-task]") ?? [])];
  return cards.filter(({ dataset }) => dataset.task !== without);
}

const idsIn = (status: TaskStatus, without: string) => cardsIn(status, without).map(({ dataset }) => dataset.task ?? "");

/** Return where a card is shown now. */
export function placeOf(id: string): Place {
  const card = document.querySelector(`[data-task="${id}"]`);
  const status = (card?.closest<HTMLElement>("[data-column]")?.dataset.column ?? "TODO") as TaskStatus;
  return placeAt(status, idsIn(status, id), indexOf(status, id));
}

function indexOf(status: TaskStatus, id: string): number {
  const all = [...(columnOf(status)?.querySelectorAll<HTMLElement>("[data-task]") ?? [])];
  return Math.max(all.findIndex(({ dataset }) => dataset.task === id), 0);
}

function placeUnder(x: number, y: number, id: string): Place {
  const distance = (status: TaskStatus) => {
    const { left = 0, right = 0 } = columnOf(status)?.getBoundingClientRect() ?? {};
    return Math.abs((left + right) / 2 - x);
  };
  const status = [...STATUSES].sort((one, other) => distance(one) - distance(other))[0] ?? "TODO";
  const middles = cardsIn(status, id).map((card) => card.getBoundingClientRect()).map(({ top, height }) => top + height / 2);
  return placeAt(status, idsIn(status, id), middles.filter((middle) => middle < y).length);
}

/** Return the place to which an arrow key leads, or null at an edge. */
export function stepFrom(key: string, id: string): Place | null {
  const { status } = placeOf(id);
  const index = indexOf(status, id);
  if (key === "ArrowUp" || key === "ArrowDown") {
    const next = index + (key === "ArrowUp" ? -1 : 1);
    const ids = idsIn(status, id);
    return next < 0 || next > ids.length ? null : placeAt(status, ids, next);
  }
  const isForward = (key === "ArrowRight") === (getComputedStyle(document.documentElement).direction === "ltr");
  const column = STATUSES[STATUSES.indexOf(status) + (isForward ? 1 : -1)];
  if (!column) return null;
  const ids = idsIn(column, id);
  return placeAt(column, ids, Math.min(index, ids.length));
}
