import { useCallback, useEffect, useEffectEvent, useReducer, useRef, useState } from "react";
import { useClient } from "urql";
import type { BoardChangesSubscription, TaskStatus } from "../../gql/graphql";
import { problemOfError, type Problem } from "../../ui/problem";
import { EMPTY, reduce, STATUSES, type BoardTask } from "./boardState";
import { isShown, toTaskFilter, type Filters } from "./filters";
import { BOARD, COUNTS, MORE_TASKS, TASK_CHANGES } from "./operations";

export type TaskChange = BoardChangesSubscription["taskChanged"];

const COUNT_AFTER_MILLISECONDS = 1_000;

/**
 * The board as it is: its page, which is asked for once, then everything that changes. The cards are kept here and not in
 * the client's cache, since which of them a column holds follows from each change alone.
 */
export function useBoard(filters: Filters, firstTask: string, onOthers: (change: TaskChange, before?: BoardTask) => void) {
  const client = useClient();
  const [state, dispatch] = useReducer(reduce, EMPTY);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [loading, setLoading] = useState<{ filters: Filters; attempt: number } | null>(null);
  const [attempt, setAttempt] = useState(0);
  const taskOfPage = useRef(firstTask);
  const reload = useCallback(() => setAttempt((before) => before + 1), []);

  useEffect(() => {
    let isWanted = true;
    const [todo, started, done] = STATUSES.map((status) => toTaskFilter(filters, status)) as [object, object, object];
    const task = taskOfPage.current;
    const variables = { todo, started, done, task, withTask: task !== "" };
    void client.query(BOARD, variables, { requestPolicy: "network-only" }).then(({ data, error }) => {
      if (!isWanted) return;
      taskOfPage.current = "";
      if (data) dispatch({ type: "loaded", data });
      setProblem(problemOfError(error));
      setLoading({ filters, attempt });
    });
    return () => {
      isWanted = false;
    };
  }, [client, filters, attempt]);

  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);

  /** What is not shown may have left a column or come to it: ask, once it is quiet. */
  const countSoon = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      void client.query(COUNTS, { filter: toTaskFilter(filters) }, { requestPolicy: "network-only" }).then(({ data }) => {
        const groups = data?.taskStats.groups ?? [];
        const counts = new Map(groups.map(({ key, count }) => [key.status as TaskStatus, count]));
        if (data) dispatch({ type: "counted", counts });
      });
    }, COUNT_AFTER_MILLISECONDS);
  };

  const me = state.data?.viewer?.user?.id;
  const take = (task: BoardTask) => dispatch({ type: "changed", task, isShown: isShown(task, filters, me) });

  const onChange = useEffectEvent((change: TaskChange) => {
    const before = state.tasks.get(change.taskId);
    if (change.task) take(change.task);
    else dispatch({ type: "removed", id: change.taskId });
    if (STATUSES.some((status) => state.columns[status].cursor !== null)) countSoon();
    if (change.actor?.id !== me) onOthers(change, before);
  });

  const cursor = state.data?.feedCursor;
  useEffect(() => {
    if (cursor === undefined) return;
    const following = client.subscription(TASK_CHANGES, { after: cursor }).subscribe(({ data, error }) => {
      if (data) onChange(data.taskChanged);
      else if (error) reload(); // what came meanwhile is not known any more
    });
    return () => following.unsubscribe();
  }, [client, cursor, reload]);

  const loadMore = async (status: TaskStatus): Promise<Problem | null> => {
    const variables = { filter: toTaskFilter(filters, status), after: state.columns[status].cursor };
    const { data, error } = await client.query(MORE_TASKS, variables, { requestPolicy: "network-only" });
    if (data) dispatch({ type: "more", status, page: data.tasks });
    return problemOfError(error);
  };

  const isLoading = loading?.filters !== filters || loading.attempt !== attempt;
  return { state, dispatch, take, loadMore, reload, problem, isLoading };
}

export type Board = ReturnType<typeof useBoard>;
