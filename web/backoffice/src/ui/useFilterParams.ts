import { useSearchParams } from "wouter";

/** The filters of a list, which are in the address: return them and what sets one, or clears it with an empty text. */
export function useFilterParams(): [URLSearchParams, (name: string, value: string) => void] {
  const [params, setParams] = useSearchParams();
  const set = (name: string, value: string) =>
    setParams(
      (before) => {
        const after = new URLSearchParams(before);
        if (value) after.set(name, value);
        else after.delete(name);
        return after;
      },
      { replace: name === "text" }, // "back" takes a choice back, not a letter
    );
  return [params, set];
}
