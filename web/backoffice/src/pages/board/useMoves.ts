import { useState } from "react";
import { useClient } from "urql";
import { problemOfAnswer, problemOfError, type Problem } from "../../ui/problem";
import type { BoardTask, Place } from "./boardState";
import { MOVE_TASK, UPDATE_TASK } from "./operations";
import type { Board } from "./useBoard";

/** A move that was refused since the task had changed: whoever moved it chooses. */
export interface MoveConflict {
  place: Place;
  seen: BoardTask;
  current: BoardTask;
}

export interface Refusal {
  task: BoardTask;
  problem: Problem;
}

const OFFLINE: Problem = { code: "OFFLINE", message: "offline", fields: [] };

/** Moves cards: each is at its new place at once, and goes back if the server refuses it. */
export function useMoves({ dispatch, take }: Board) {
  const client = useClient();
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const [conflict, setConflict] = useState<MoveConflict | null>(null);

  /** @param task as it was seen when the move began */
  const move = async (task: BoardTask, place: Place): Promise<boolean> => {
    setRefusal(null);
    setConflict(null);
    if (!navigator.onLine) {
      setRefusal({ task, problem: OFFLINE });
      return false;
    }
    dispatch({ type: "placed", id: task.id, place });
    const { id, version: expectedVersion } = task;
    const { status, after, before } = place;
    // In an empty column there is no neighbour to be placed beside.
    const request =
      after === undefined && before === undefined
        ? client.mutation(UPDATE_TASK, { input: { id, status, expectedVersion } })
        : client.mutation(MOVE_TASK, { input: { id, status, after, before, expectedVersion } });
    const { data, error } = await request;
    dispatch({ type: "settled", id });
    const answer = data && ("moveTask" in data ? data.moveTask : data.updateTask);
    if (answer?.__typename === "Task") {
      take(answer);
      return true;
    }
    if (answer?.__typename === "VersionConflict" && answer.current?.__typename === "Task") {
      take(answer.current);
      setConflict({ place, seen: task, current: answer.current });
      return false;
    }
    const problem = problemOfAnswer(answer) ?? problemOfError(error);
    if (problem) setRefusal({ task, problem });
    return false;
  };

  return { move, refusal, dismiss: () => setRefusal(null), conflict, dropConflict: () => setConflict(null) };
}

export type Moves = ReturnType<typeof useMoves>;
