import { useState } from "react";
import type { PersonSession, Session } from "../../../shared/session";
import { session } from "../session";

/**
 * Return who is logged in, or was until the login ended by itself; null once the person has logged out, or before
 * anybody has logged in.
 */
export function useLastPerson(current: Session | null): PersonSession | null {
  const [last, setLast] = useState<PersonSession | null>(null);
  const person = current?.kind === "person" ? current : null;
  const next = person ?? (session.state.ended === null ? null : last);
  if (next !== last) setLast(next);
  return next;
}
