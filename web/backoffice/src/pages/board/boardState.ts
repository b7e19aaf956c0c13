import type { BoardColumnFragment, BoardPageQuery, CardFragment, TaskStatus } from "../../gql/graphql";

export const STATUSES = ["TODO", "IN_PROGRESS", "DONE"] as const satisfies readonly TaskStatus[];

/** A card; one that has changed comes with its description, which text filters look into. */
export type BoardTask = CardFragment & { description?: string | null };

/** Where a card goes: beside another one, or into a column without cards. */
export interface Place {
  status: TaskStatus;
  after?: string;
  before?: string;
}

export interface Column {
  /** Tasks in the column, shown or not. */
  count: number;
  /** Of the last card that was loaded by pages; null if all have been. */
  cursor: string | null;
  /** Position of that card: what is behind it is known only by its changes. */
  end: string;
}

export interface BoardState {
  data: BoardPageQuery | null;
  tasks: ReadonlyMap<string, BoardTask>;
  columns: Readonly<Record<TaskStatus, Column>>;
  /** Where cards are shown whose moves are not answered yet. */
  places: ReadonlyMap<string, Place>;
  /** The card in somebody's hand stays there, whatever becomes of it meanwhile. */
  held: string | null;
  isHeldGone: boolean;
}

export type BoardAction =
  | { type: "loaded"; data: BoardPageQuery }
  | { type: "more"; status: TaskStatus; page: BoardColumnFragment }
  | { type: "counted"; counts: ReadonlyMap<TaskStatus, number> }
  | { type: "changed"; task: BoardTask; isShown: boolean }
  | { type: "removed"; id: string }
  | { type: "held"; id: string }
  | { type: "released" }
  | { type: "placed"; id: string; place: Place }
  | { type: "settled"; id: string };

const NO_COLUMN: Column = { count: 0, cursor: null, end: "" };

export const EMPTY: BoardState = {
  data: null,
  tasks: new Map(),
  columns: { TODO: NO_COLUMN, IN_PROGRESS: NO_COLUMN, DONE: NO_COLUMN },
  places: new Map(),
  held: null,
  isHeldGone: false,
};

export function reduce(state: BoardState, action: BoardAction): BoardState {
  switch (action.type) {
    case "loaded": {
      const { todo, started, done } = action.data;
      const tasks = [todo, started, done].flatMap(({ nodes }) => nodes);
      return {
        ...state,
        data: action.data,
        tasks: new Map(tasks.map((task) => [task.id, task])),
        columns: { TODO: readColumn(todo), IN_PROGRESS: readColumn(started), DONE: readColumn(done) },
      };
    }
    case "more": {
      const tasks = new Map(state.tasks);
      for (const task of action.page.nodes) if (isNews(state, task)) tasks.set(task.id, task);
      return { ...state, tasks, columns: { ...state.columns, [action.status]: readColumn(action.page) } };
    }
    case "counted": {
      const columns = { ...state.columns };
      for (const status of STATUSES) columns[status] = { ...columns[status], count: action.counts.get(status) ?? 0 };
      return { ...state, columns };
    }
    case "changed": {
      if (!isNews(state, action.task)) return state;
      const without = remove(state, action.task.id);
      if (!action.isShown) return without;
      const { task } = action;
      return {
        ...without,
        tasks: new Map(without.tasks).set(task.id, task),
        columns: count(without.columns, task.status, 1),
        isHeldGone: false,
      };
    }
    case "removed":
      return remove(state, action.id);
    case "held":
      return { ...state, held: action.id };
    case "released": {
      const { held, isHeldGone } = state;
      const released = { ...state, held: null, isHeldGone: false };
      return held && isHeldGone ? remove(released, held) : released;
    }
    case "placed":
      return { ...state, places: new Map(state.places).set(action.id, action.place) };
    case "settled": {
      const places = new Map(state.places);
      places.delete(action.id);
      return { ...state, places };
    }
  }
}

function readColumn({ totalCount, nodes, pageInfo }: BoardColumnFragment): Column {
  return {
    count: totalCount,
    cursor: pageInfo.hasNextPage ? (pageInfo.endCursor ?? null) : null,
    end: nodes.at(-1)?.position ?? "",
  };
}

const isNews = ({ tasks }: BoardState, task: BoardTask) => task.version >= (tasks.get(task.id)?.version ?? 0);

function count(columns: BoardState["columns"], status: TaskStatus, change: number): BoardState["columns"] {
  const column = columns[status];
  return { ...columns, [status]: { ...column, count: column.count + change } };
}

function remove(state: BoardState, id: string): BoardState {
  const task = state.tasks.get(id);
  if (!task) return state;
  if (state.held === id) return { ...state, columns: count(state.columns, task.status, -1), isHeldGone: true };
  const tasks = new Map(state.tasks);
  tasks.delete(id);
  return { ...state, tasks, columns: count(state.columns, task.status, -1) };
}

/** Return the cards of each column in their order: by the bytes of their positions, and those on their way where they go. */
export function arrange(state: BoardState, preview?: { id: string; place: Place }): Record<TaskStatus, BoardTask[]> {
  const places = new Map(state.places);
  if (preview) places.set(preview.id, preview.place);
  const columns: Record<TaskStatus, BoardTask[]> = { TODO: [], IN_PROGRESS: [], DONE: [] };
  for (const task of state.tasks.values()) if (!places.has(task.id)) columns[task.status].push(task);
  for (const status of STATUSES) columns[status].sort((one, other) => (one.position < other.position ? -1 : 1));
  for (const [id, { status, after, before }] of places) {
    const task = state.tasks.get(id);
    if (!task) continue;
    const column = columns[status];
    const anchor = column.findIndex((each) => each.id === (after ?? before));
    column.splice(anchor < 0 ? 0 : after ? anchor + 1 : anchor, 0, task);
  }
  return columns;
}

/** Return the place at an index among the ids of a column, of which the moved card is none. */
export function placeAt(status: TaskStatus, ids: readonly string[], index: number): Place {
  const above = ids[index - 1];
  if (above !== undefined) return { status, after: above };
  return { status, before: ids[0] };
}

export const isSamePlace = (one: Place, other: Place) =>
  one.status === other.status && one.after === other.after && one.before === other.before;
