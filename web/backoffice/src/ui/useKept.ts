import { useEffect, useState } from "react";
import { session } from "../session";

const PREFIX = "atrium-app-kept/";

/** Forget what was typed under a name: it is saved, or was discarded. */
export function forgetKept(name: string): void {
  sessionStorage.removeItem(PREFIX + name);
}

/** Return whether something is kept under a name. */
export const isKept = (name: string) => sessionStorage.getItem(PREFIX + name) !== null;

/**
 * A state that outlives its page for as long as the tab is there: whoever types, looks something up and comes back finds
 * what was typed. A value that is null is not kept. Whoever logs out leaves nothing.
 */
export function useKept<Value>(name: string, initial: Value | (() => Value)) {
  const state = useState<Value>(() => (read(name) as Value | null) ?? (initial instanceof Function ? initial() : initial));
  const [value] = state;
  useEffect(() => {
    if (value === null) forgetKept(name);
    else sessionStorage.setItem(PREFIX + name, JSON.stringify(value));
  }, [name, value]);
  return state;
}

function read(name: string): unknown {
  try {
    return JSON.parse(sessionStorage.getItem(PREFIX + name) ?? "null");
  } catch {
    return null;
  }
}

session.subscribe(() => {
  const { session: current, ended } = session.state;
  if (current || ended !== null) return;
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
});
