import { createClient } from "graphql-ws";
import { useSyncExternalStore } from "react";
import { ENDPOINT } from "../../shared/config";
import { session } from "./session";

interface Sink {
  next: (result: { data?: Record<string, { cursor?: string } | null> | null; errors?: LiveError[] }) => void;
  error: (error: unknown) => void;
  complete: () => void;
}
interface LiveError {
  message: string;
  extensions?: { code?: string; retryAfter?: number };
}
export interface LivePayload {
  query: string;
  variables: Record<string, unknown>;
  extensions?: Record<string, unknown>;
}

const LONGEST_PAUSE_SECONDS = 10;
const pause = (tries: number) =>
  new Promise<void>((done) => {
    hurry = done;
    setTimeout(done, 1000 * Math.random() * Math.min(2 ** tries, LONGEST_PAUSE_SECONDS));
  });

let isLost = false;
const listeners = new Set<() => void>();

function setLost(next: boolean): void {
  isLost = next;
  for (const listener of listeners) listener();
}

/** Return whether the connection for live changes is lost, so that what is shown may be out of date. */
export const useIsConnectionLost = () =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => isLost,
  );

let hurry = () => {};
for (const event of ["focus", "online"]) addEventListener(event, () => hurry()); // somebody waits for it

const socket = createClient({
  url: ENDPOINT.replace(/^http/, "ws"),
  connectionParams: async () => ({ Authorization: await session.authorization() }),
  lazyCloseTimeout: 2_000, // the next page follows something as well
  retryAttempts: Infinity,
  retryWait: pause,
  shouldRetry: () => true,
  on: { connecting: (isRetry) => isRetry && setLost(true), connected: () => setLost(false) },
});

/**
 * Follow a subscription for as long as somebody wants to: after a lost connection it goes on behind the last change that
 * came, so that none is missed or comes twice. Graphql-ws sends the variables as they are at each connection.
 */
export function follow(payload: LivePayload, sink: Sink): () => void {
  const variables = { ...payload.variables };
  let stop = () => {};

  const isRetried = (reason: unknown) => {
    const { code, retryAfter } = (Array.isArray(reason) ? (reason as LiveError[])[0]?.extensions : undefined) ?? {};
    if (code !== "UNAUTHENTICATED" && !retryAfter) return false;
    const timer = setTimeout(code === "UNAUTHENTICATED" ? () => void renew() : start, 1000 * (retryAfter ?? 1));
    stop = () => clearTimeout(timer);
    return true;
  };
  const renew = async () => {
    if (!(await session.renew())) return; // whoever logs in again gets a page that is loaded anew
    socket.terminate();
    start();
  };
  const start = () => {
    let isOver = false;
    stop = socket.subscribe({ ...payload, variables }, {
      next(result) {
        const answer = result as Parameters<Sink["next"]>[0];
        if ((isOver = isRetried(answer.errors))) return;
        sink.next(answer);
        for (const field of Object.values(answer.data ?? {})) variables.after = field?.cursor ?? variables.after;
      },
      error: (reason) => isRetried(reason) || sink.error(reason),
      complete: () => isOver || sink.complete(),
    });
  };

  start();
  return () => stop();
}
