import { useId, useState } from "react";
import { useAddressState } from "./useAddressState";

const LONGEST_SEARCH = 255;

/** A search, kept in the address as `q`, that runs at Enter or when the field is left: each key stroke is no request. */
export function SearchField({ label }: { label: string }) {
  const id = useId();
  const [search, setSearch] = useAddressState("q");
  const [typed, setTyped] = useState(search);
  const [shown, setShown] = useState(search);
  const run = () => typed.trim() !== search && setSearch(typed.trim());
  if (shown !== search) {
    setShown(search); // by "back", or a link
    setTyped(search);
  }
  return (
    <form
      role="search"
      className="row"
      onSubmit={(event) => {
        event.preventDefault();
        run();
      }}
    >
      <label htmlFor={id} className="visually-hidden">
        {label}
      </label>
      <input
        id={id}
        type="search"
        value={typed}
        maxLength={LONGEST_SEARCH}
        placeholder={label}
        onChange={(event) => setTyped(event.target.value)}
        onBlur={run}
      />
    </form>
  );
}
