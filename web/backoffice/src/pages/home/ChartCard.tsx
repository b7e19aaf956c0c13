import { useId, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { useAddressState } from "../../ui/useAddressState";

export interface TableRow {
  key: string;
  head: ReactNode;
  value: string;
}

interface Props {
  /** Its name in the address, where it says whether the table is shown. */
  name: string;
  title: string;
  /** The number that matters most. */
  figure: string;
  /** The chart in words. */
  summary: string;
  columns: readonly [string, string];
  rows: readonly TableRow[];
  controls?: ReactNode;
  chart: (ids: { labelledBy: string; describedBy: string }) => ReactNode;
}

const TABLE = "table";

/** A chart, its figure and its words. Its table is there for screen readers, and for whoever prefers to see it. */
export function ChartCard({ name, title, figure, summary, columns, rows, controls, chart }: Props) {
  const { t } = useTranslation("dashboard");
  const [view, setView] = useAddressState(name);
  const labelledBy = useId();
  const describedBy = useId();
  const isTable = view === TABLE;
  return (
    <section className="card chart" aria-labelledby={labelledBy} data-chart={name}>
      <div className="row spread">
        <h2 id={labelledBy}>{title}</h2>
        <div className="row">
          {controls}
          <button
            type="button"
            aria-label={t("asTableOf", { title })}
            aria-pressed={isTable}
            onClick={() => setView(isTable ? "" : TABLE)}
          >
            {t("asTable")}
          </button>
        </div>
      </div>
      <p className="figure">{figure}</p>
      <p className="soft" id={describedBy}>
        {summary}
      </p>
      {!isTable && chart({ labelledBy, describedBy })}
      <div
        className={isTable ? "figures-table" : "visually-hidden"}
        {...(isTable && { role: "group", tabIndex: 0, "aria-labelledby": labelledBy })}
      >
        <table>
          <caption className="visually-hidden">{title}</caption>
          <thead>
            <tr>
              <th scope="col">{columns[0]}</th>
              <th scope="col" className="number">
                {columns[1]}
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ key, head, value }) => (
              <tr key={key} data-row={key}>
                <th scope="row">{head}</th>
                <td className="number">{value}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

interface EmptyProps {
  title: string;
  text: string;
  /** The page that can change that. */
  way?: { href: string; text: string };
}

/** A part of the overview that has nothing to show. */
export function EmptyCard({ title, text, way }: EmptyProps) {
  const id = useId();
  return (
    <section className="card empty" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <p className="soft">{text}</p>
      {way && <Link href={way.href}>{way.text}</Link>}
    </section>
  );
}
