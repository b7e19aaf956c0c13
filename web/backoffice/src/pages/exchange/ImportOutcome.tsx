import { useTranslation } from "react-i18next";
import { useFormat } from "../../ui/format";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { Ending } from "./Ending";
import { saveFile } from "./files";
import type { ImportJob } from "./importJob";
import { useJobState } from "./Job";
import { JobProgress } from "./JobProgress";
import type { ImportPlan, RefusedRow } from "./plan";
import { useReasons } from "./reasons";
import { RefusedList } from "./RefusedList";

/** How far an import has come, and in the end what has become of each row. */
export function ImportOutcome({ job }: { job: ImportJob }) {
  const { t } = useTranslation("exchange");
  const { number } = useFormat();
  const { phase, plan, imported, refused, rest, problem } = useJobState(job);
  const total = plan.contents.rows.length;
  const figures = { file: plan.fileName, imported: number(imported), total: number(total) };
  return (
    <div className="job">
      {phase === "running" && (
        <JobProgress job={job} label={t("import.running", figures)} done={imported + refused} total={total} />
      )}
      <ProblemNotice problem={problem} />
      <div role="status">
        {phase !== "running" && <Ending>{t(`import.${phase}`, figures)}</Ending>}
        {rest.length > 0 && <p>{t("import.rest", { count: rest.length, number: number(rest.length) })}</p>}
      </div>
      {rest.length > 0 && <Rest plan={plan} rows={rest} />}
    </div>
  );
}

/** Rows that are not imported, to be saved, mended and imported again. */
function Rest({ plan, rows }: { plan: ImportPlan; rows: readonly RefusedRow[] }) {
  const { t } = useTranslation("exchange");
  const say = useReasons();
  const { format, fileName, contents } = plan;
  const name = `${fileName.replace(/(-rest)?(\.\w+)?$/, "")}-rest.${format.name}`;
  const save = () => {
    const sources = rows.map(({ file, reasons }) => ({ source: file.source, problem: say(reasons) }));
    saveFile(name, new Blob([format.writeRefused(contents, sources)], { type: format.mediaType }));
  };
  return (
    <>
      <RefusedList rows={rows} />
      <button type="button" className="primary" onClick={save}>
        {t("import.saveRest", { name })}
      </button>
    </>
  );
}
