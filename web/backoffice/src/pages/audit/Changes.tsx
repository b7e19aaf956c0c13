import { useTranslation } from "react-i18next";
import type { AuditPageQuery, AuditRowFragment } from "../../gql/graphql";
import { useFormat } from "../../ui/format";
import { TextDiff } from "../../ui/TextDiff";

interface Props {
  entry: AuditRowFragment;
  people: AuditPageQuery["users"]["nodes"];
}

const MOMENT = /^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/;
const LONG = 60;

/** What an entry changed: open where something was changed, folded where all of an object came or went. */
export function Changes({ entry, people }: Props) {
  const { t } = useTranslation("audit");
  const changes = entry.changes.filter(({ before, after }) => !isSame(before, after));
  if (changes.length === 0) return null;
  const table = <ChangeTable changes={changes} action={entry.action} people={people} />;
  if (entry.action === "UPDATE") return table;
  return (
    <details>
      <summary>{t("fields", { count: changes.length })}</summary>
      {table}
    </details>
  );
}

interface TableProps {
  changes: AuditRowFragment["changes"];
  action: AuditRowFragment["action"];
  people: Props["people"];
}

function ChangeTable({ changes, action, people }: TableProps) {
  const { t } = useTranslation("audit");
  const textOf = useValueText(people);
  const hasBefore = action !== "CREATE";
  const hasAfter = action === "CREATE" || action === "UPDATE";
  return (
    <table className="changes">
      <thead>
        <tr>
          <th scope="col">{t("field")}</th>
          {hasBefore && <th scope="col">{t("before")}</th>}
          {hasAfter && <th scope="col">{t("after")}</th>}
        </tr>
      </thead>
      <tbody>
        {changes.map(({ field, before, after }) => (
          <tr key={field}>
            <th scope="row">
              <code>{field}</code>
            </th>
            {hasBefore && hasAfter && isLongText(before, after) ? (
              <td colSpan={2}>
                <TextDiff before={textOf(before)} after={textOf(after)} />
              </td>
            ) : (
              <>
                {hasBefore && <td>{textOf(before)}</td>}
                {hasAfter && <td>{textOf(after)}</td>}
              </>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const isSame = (before: unknown, after: unknown) => JSON.stringify(before ?? null) === JSON.stringify(after ?? null);

const isLongText = (...values: unknown[]) =>
  values.every((value) => typeof value === "string") && values.some((value) => value.length > LONG);

/** Return the function that writes a value of a field as the reader writes such values. */
function useValueText(people: Props["people"]): (value: unknown) => string {
  const { t } = useTranslation("audit");
  const format = useFormat();
  return (value) => {
    if (value === null || value === undefined || value === "") return "–";
    if (typeof value === "boolean") return t(value ? "yes" : "no");
    if (typeof value === "number") return format.number(value);
    if (typeof value === "string") {
      if (MOMENT.test(value)) return format.moment(value);
      return people.find(({ id }) => id === value)?.fullName ?? value; // people are named by their ids
    }
    if (isMoney(value)) {
      return format.money(value);
    }
    return JSON.stringify(value);
  };
}

const isMoney = (value: unknown): value is { amount: string; currency: string } =>
  typeof value === "object" && value !== null && "amount" in value && "currency" in value && value.currency !== null;
