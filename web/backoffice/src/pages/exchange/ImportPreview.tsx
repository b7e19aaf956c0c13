import { useTranslation } from "react-i18next";
import { useFormat } from "../../ui/format";
import type { FileRow } from "./files";
import type { ImportPlan } from "./plan";
import { RefusedList } from "./RefusedList";

const SHOWN_ROWS = 5;

/** What is in a file, and what of it is going to be imported. */
export function ImportPreview({ plan, onStart }: { plan: ImportPlan; onStart: () => void }) {
  const { t } = useTranslation("exchange");
  const { number } = useFormat();
  const { contents, missing, repeated, readOnly, unknown, rows, refused } = plan;
  const names = (columns: readonly string[]) => ({ columns: columns.join(", ") });
  const isComplete = missing.length + repeated.length === 0;
  const found = contents.rows.length;
  return (
    <div className="preview">
      {readOnly.length > 0 && <p className="soft">{t("import.readOnly", names(readOnly))}</p>}
      {unknown.length > 0 && <p className="notice">{t("import.unknown", names(unknown))}</p>}
      {!isComplete && (
        <div role="alert" className="problem">
          {missing.length > 0 && <p>{t("import.missing", names(missing))}</p>}
          {repeated.length > 0 && <p>{t("import.repeated", names(repeated))}</p>}
        </div>
      )}
      {isComplete && (
        <>
          {rows.length > 0 && <FirstRows plan={plan} />}
          {refused.length > 0 && (
            <>
              <p>{t("import.unreadable", { count: refused.length, number: number(refused.length) })}</p>
              <RefusedList rows={refused} />
            </>
          )}
          {found > 0 && (
            <button type="button" className="primary" onClick={onStart}>
              {rows.length > 0 ? t("import.start", { count: rows.length, number: number(rows.length) }) : t("import.toFile")}
            </button>
          )}
        </>
      )}
    </div>
  );
}

function FirstRows({ plan: { taken, rows } }: { plan: ImportPlan }) {
  const { t } = useTranslation("exchange");
  return (
    <div className="scroll" role="region" aria-label={t("import.firstRows")} tabIndex={0}>
      <table>
        <caption className="visually-hidden">{t("import.firstRows")}</caption>
        <thead>
          <tr>
            {taken.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, SHOWN_ROWS).map(({ file }) => (
            <tr key={file.number}>
              {taken.map((name) => (
                <td key={name}>{textOf(file, name)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const LONGEST_TEXT = 80;

function textOf({ held }: FileRow, name: string): string {
  const value = held?.[name] ?? "";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}
