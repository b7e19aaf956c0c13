import { useSyncExternalStore } from "react";

export interface Cost {
  requestedQueryCost: number;
  actualQueryCost: number | null;
  throttleStatus: { maximumAvailable: number; currentlyAvailable: number; restoreRate: number } | null;
}

/** What an answer tells of itself beside its data. */
export interface Extensions {
  cost?: Cost;
  executor?: string;
  declined?: string;
  sql?: string[];
}

export interface AnswerReport {
  operation: string;
  milliseconds: number;
  status: number | null;
  requestId: string | null;
  extensions: Extensions;
}

let report: AnswerReport | null = null;
const listeners = new Set<() => void>();

export function tellAnswer(next: AnswerReport): void {
  report = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useLastAnswer = () => useSyncExternalStore(subscribe, () => report);
