import { useState } from "react";

/** Return what is there, or was there last: what somebody has typed about it is worth more than that it is gone. */
export function useLast<Value extends object>(value: Value | null | undefined): Value | null {
  const [last, setLast] = useState(value ?? null);
  if (value && value !== last) setLast(value);
  return value ?? last;
}
