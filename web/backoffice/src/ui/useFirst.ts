import { useState } from "react";

/** Return the first value that there was: a subscription that has begun goes on by itself. */
export function useFirst<Value>(value: Value | undefined): Value | undefined {
  const [first, setFirst] = useState(value);
  if (first === undefined && value !== undefined) setFirst(value);
  return first;
}
