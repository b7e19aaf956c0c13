import { useSyncExternalStore } from "react";

/** How subscriptions are followed. */
export type Transport = "ws" | "sse";

const KEY = "atrium-explorer-transport";
let transport: Transport = sessionStorage.getItem(KEY) === "sse" ? "sse" : "ws";
const listeners = new Set<() => void>();

export const currentTransport = () => transport;

export function chooseTransport(next: Transport): void {
  transport = next;
  sessionStorage.setItem(KEY, next);
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useTransport = () => useSyncExternalStore(subscribe, currentTransport);
