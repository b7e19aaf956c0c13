import { useEffect, useEffectEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import type { BoardPageQuery } from "../../gql/graphql";
import { isFiltered, type useBoardAddress } from "./filters";

type Address = Pick<ReturnType<typeof useBoardAddress>, "filters" | "setFilter" | "clearFilters">;

interface Choice {
  id: string;
  name: string;
}

const TYPING_MILLISECONDS = 300;

/** What the board is limited to; each choice is in the address. */
export function BoardFilters({ data, filters, setFilter, clearFilters }: Address & { data: BoardPageQuery }) {
  const { t } = useTranslation("board");
  const people = data.users.nodes.filter(({ isActive }) => isActive).map(({ id, fullName }) => ({ id, name: fullName }));
  const me = { id: "me", name: t("filters.me") };
  return (
    <div className="board-filters" role="search" aria-label={t("filters.label")}>
      <TextFilter value={filters.text} onChange={(text) => setFilter("text", text)} />
      <Select label={t("fields.project")} value={filters.project} choices={data.projects.nodes} onChange={(id) => setFilter("project", id)} />
      <Select label={t("fields.assignee")} value={filters.assignee} choices={[me, ...people]} onChange={(id) => setFilter("assignee", id)} />
      <Select label={t("fields.label")} value={filters.label} choices={data.labels.nodes} onChange={(id) => setFilter("label", id)} />
      {isFiltered(filters) && (
        <button type="button" className="quiet" onClick={clearFilters}>
          {t("filters.clear")}
        </button>
      )}
    </div>
  );
}

function Select({ label, value, choices, onChange }: { label: string; value: string; choices: Choice[]; onChange: (id: string) => void }) {
  const { t } = useTranslation("board");
  return (
    <label>
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.target.value)} className={value ? "chosen" : undefined}>
        <option value="">{t("filters.all")}</option>
        {value && !choices.some(({ id }) => id === value) && <option value={value}>{t("filters.unknown")}</option>}
        {choices.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Looks for a text once whoever types it pauses. */
function TextFilter({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const { t } = useTranslation("board");
  const [typed, setTyped] = useState<string | null>(null);
  const commit = useEffectEvent((text: string) => {
    onChange(text);
    setTyped(null);
  });
  useEffect(() => {
    if (typed === null) return;
    const timer = setTimeout(() => commit(typed), TYPING_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <label>
      <span>{t("filters.text")}</span>
      <input type="search" value={typed ?? value} maxLength={255} onChange={(event) => setTyped(event.target.value)} />
    </label>
  );
}
