import { useTranslation } from "react-i18next";
import { useFormat } from "../../ui/format";
import type { RefusedRow } from "./plan";
import { useReasons } from "./reasons";

const SHOWN_ROWS = 10;

/** The first rows that are not imported, each with why. */
export function RefusedList({ rows }: { rows: readonly RefusedRow[] }) {
  const { t } = useTranslation("exchange");
  const { number } = useFormat();
  const say = useReasons();
  const hidden = rows.length - SHOWN_ROWS;
  return (
    <ul className="refused">
      {rows.slice(0, SHOWN_ROWS).map(({ file, reasons }) => (
        <li key={file.number}>
          {t("row", { number: number(file.number) })}{" "}
          <span lang={reasons.some(({ code }) => code === "said") ? "en" : undefined}>{say(reasons)}</span>
        </li>
      ))}
      {hidden > 0 && <li>{t("moreRows", { count: hidden, number: number(hidden) })}</li>}
    </ul>
  );
}
