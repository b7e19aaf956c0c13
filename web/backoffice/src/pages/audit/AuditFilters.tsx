import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import type { AuditPageQuery, AuditRowFragment } from "../../gql/graphql";
import { startOfDay } from "../../ui/days";
import { SelectField } from "../../ui/SelectField";
import { useAddressState } from "../../ui/useAddressState";
import { ACTIONS, TYPES, type FilterName } from "./filters";

type People = AuditPageQuery["users"]["nodes"];

interface Props {
  people: People;
  entries: readonly AuditRowFragment[];
}

const LONGEST_OPERATION = 255;

/** What the log is narrowed down to; all of it is in the address. */
export function AuditFilters({ people, entries }: Props) {
  const { t } = useTranslation("audit");
  const [type, setType] = useAddressState("type" satisfies FilterName);
  const [action, setAction] = useAddressState("action" satisfies FilterName);
  const [actor, setActor] = useAddressState("actor" satisfies FilterName);
  const [object, setObject] = useAddressState("object" satisfies FilterName);
  return (
    <>
      <div className="row audit-filters" role="group" aria-label={t("filters.label")}>
        <SelectField
          label={t("filters.type")}
          value={type}
          choices={TYPES.map((each) => ({ id: each, name: t(`types.${each}`) }))}
          none={t("filters.all")}
          onChange={setType}
        />
        <SelectField
          label={t("filters.action")}
          value={action}
          choices={ACTIONS.map((each) => ({ id: each, name: t(`actions.${each}`) }))}
          none={t("filters.all")}
          onChange={setAction}
        />
        <SelectField
          label={t("filters.actor")}
          value={actor}
          choices={withChosen(people, actor, entries).map(({ id, fullName }) => ({ id, name: fullName }))}
          none={t("filters.all")}
          onChange={setActor}
        />
        <OperationFilter />
        <DayFilter name="from" />
        <DayFilter name="to" />
        <Link href="/audit" className="clear">
          {t("filters.clear")}
        </Link>
      </div>
      {object && (
        <p className="row">
          {t("filters.object")} <code>{object}</code>
          <button type="button" onClick={() => setObject("")}>
            {t("filters.allObjects")}
          </button>
        </p>
      )}
    </>
  );
}

/** People to choose from, with the chosen one, who may be further down the list. */
function withChosen(people: People, chosen: string, entries: readonly AuditRowFragment[]): People {
  if (!chosen || people.some(({ id }) => id === chosen)) return people;
  const found = entries.find(({ actor }) => actor?.id === chosen)?.actor;
  return [found ?? { __typename: "User", id: chosen, fullName: chosen }, ...people];
}

/** Runs at Enter or when the field is left: each key stroke is no request. */
function OperationFilter() {
  const { t } = useTranslation("audit");
  const [operation, setOperation] = useAddressState("operation" satisfies FilterName);
  const [typed, setTyped] = useState(operation);
  const [shown, setShown] = useState(operation);
  const id = useId();
  const run = () => typed.trim() !== operation && setOperation(typed.trim());
  if (shown !== operation) {
    setShown(operation); // by "back", or a link
    setTyped(operation);
  }
  return (
    <form
      className="field"
      onSubmit={(event) => {
        event.preventDefault();
        run();
      }}
    >
      <label htmlFor={id}>{t("filters.operation")}</label>
      <input
        id={id}
        value={typed}
        maxLength={LONGEST_OPERATION}
        placeholder="createTask"
        onChange={(event) => setTyped(event.target.value)}
        onBlur={run}
      />
    </form>
  );
}

/** A day in the reader's zone. It is in the address once it is whole: a date field changes with each key. */
function DayFilter({ name }: { name: "from" | "to" }) {
  const { t } = useTranslation("audit");
  const [text, setDay] = useAddressState(name);
  const day = startOfDay(text) === null ? "" : text;
  const [typed, setTyped] = useState(day);
  const [shown, setShown] = useState(day);
  const id = useId();
  if (shown !== day) {
    setShown(day);
    setTyped(day);
  }
  return (
    <div className="field">
      <label htmlFor={id}>{t(`filters.${name}`)}</label>
      <input
        id={id}
        type="date"
        value={typed}
        onChange={({ target: { value, validity } }) => {
          setTyped(value);
          const isWhole = value ? startOfDay(value) !== null : !validity.badInput;
          if (isWhole && value !== day) setDay(value);
        }}
      />
    </div>
  );
}
