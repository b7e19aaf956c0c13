import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { useAddressState } from "../../ui/useAddressState";

const LONGEST_SEARCH = 255;

/** Searches titles when Enter is pressed or the field is left, so that each key stroke is no request. */
export function SearchField() {
  const { t } = useTranslation("documents");
  const id = useId();
  const [search, setSearch] = useAddressState("q");
  const [typed, setTyped] = useState(search);
  return (
    <form
      role="search"
      className="row"
      onSubmit={(event) => {
        event.preventDefault();
        setSearch(typed.trim());
      }}
    >
      <label htmlFor={id} className="visually-hidden">
        {t("search")}
      </label>
      <input
        id={id}
        type="search"
        value={typed}
        maxLength={LONGEST_SEARCH}
        placeholder={t("search")}
        onChange={(event) => setTyped(event.target.value)}
        onBlur={() => setSearch(typed.trim())}
      />
    </form>
  );
}
