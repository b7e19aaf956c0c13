import { useFilterParams } from "./useFilterParams";

/** A value that is kept in the address, so that a link and "back" lead to it; the empty text is the usual one. */
export function useAddressState(name: string): [string, (value: string) => void] {
  const [params, set] = useFilterParams();
  return [params.get(name) ?? "", (value) => set(name, value)];
}
