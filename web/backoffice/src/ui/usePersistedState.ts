import { useEffect, useState } from "react";
import { session } from "../session";

const PREFIX = "atrium-app-kept/";

/** What was typed in one tenant is nothing in another, and nobody else's. */
function keyOf(name: string): string {
  const { session: current, last } = session.state;
  const person = current?.kind === "person" ? current : last;
  return `${PREFIX}${person?.account ?? ""}/${person?.tenant ?? ""}/${name}`;
}

/** Forget what was typed under a name: it is saved, or was discarded. */
export function clearPersistedState(name: string): void {
  sessionStorage.removeItem(keyOf(name));
}

/** Return whether something is kept under a name. */
export const hasPersistedState = (name: string) => sessionStorage.getItem(keyOf(name)) !== null;

/**
 * A state that outlives its page for as long as the tab is there: whoever types, looks something up and comes back finds
 * what was typed. A value that is null is not kept. Whoever logs out leaves nothing.
 */
export function usePersistedState<Value>(name: string, initial: Value | (() => Value)) {
  const state = useState<Value>(() => (read(name) as Value | null) ?? (initial instanceof Function ? initial() : initial));
  const [value] = state;
  useEffect(() => {
    if (value === null) clearPersistedState(name);
    else sessionStorage.setItem(keyOf(name), JSON.stringify(value));
  }, [name, value]);
  return state;
}

function read(name: string): unknown {
  try {
    return JSON.parse(sessionStorage.getItem(keyOf(name)) ?? "null");
  } catch {
    return null;
  }
}

session.subscribe(() => {
  const { session: current, ended } = session.state;
  if (current || ended !== null) return;
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
});
