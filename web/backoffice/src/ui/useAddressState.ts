import { useCallback } from "react";
import { useSearchParams } from "wouter";

/** A value that is kept in the address, so that a link and "back" lead to it; the empty text is the usual one. */
export function useAddressState(name: string): [string, (value: string) => void] {
  const [params, setParams] = useSearchParams();
  const set = useCallback(
    (value: string) => {
      setParams((before) => {
        const after = new URLSearchParams(before);
        if (value) after.set(name, value);
        else after.delete(name);
        return after;
      });
    },
    [name, setParams],
  );
  return [params.get(name) ?? "", set];
}
