import { useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { createUncachedClient } from "../../client";
import { useConfig } from "../../configuration";
import { useFormat } from "../../ui/format";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { SelectField } from "../../ui/SelectField";
import { Ending } from "./Ending";
import { startExport, type ExportJob } from "./exportJob";
import { saveFile } from "./files";
import { FORMATS } from "./formats";
import { useIsRunning, useJob, useJobState } from "./Job";
import { JobProgress } from "./JobProgress";
import { KindField } from "./KindField";
import type { Kind, Viewer } from "./kinds";

interface Props {
  kinds: readonly Kind[];
  viewer: Viewer;
}

/** What is exported, into which kind of file; and how far an export has come. */
export function ExportSection({ kinds, viewer }: Props) {
  const { t } = useTranslation("exchange");
  const config = useConfig();
  const [job, setJob] = useJob<ExportJob>("export");
  const [kind, setKind] = useState(kinds[0]);
  const [format, setFormat] = useState("csv");
  const isRunning = useIsRunning(job);
  if (!kind) return null;
  const start = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const chosen = FORMATS.find(({ name }) => name === format);
    if (chosen && !isRunning) setJob(startExport(kind, chosen, viewer, createUncachedClient(config)));
  };
  return (
    <section className="card" aria-labelledby="export-title">
      <h2 id="export-title">{t("export.title")}</h2>
      <p className="soft">{t("export.explanation")}</p>
      <form onSubmit={start}>
        <div className="row choices">
          <KindField label={t("export.kind")} kinds={kinds} kind={kind} onChange={setKind} />
          <SelectField
            label={t("format")}
            value={format}
            choices={FORMATS.map(({ name }) => ({ id: name, name: t(`formats.${name}`) }))}
            onChange={setFormat}
          />
        </div>
        <button type="submit" className="primary" aria-disabled={isRunning}>
          {t("export.start")}
        </button>
      </form>
      {job && <ExportOutcome job={job} />}
    </section>
  );
}

function ExportOutcome({ job }: { job: ExportJob }) {
  const { t } = useTranslation("exchange");
  const { number } = useFormat();
  const { phase, kind, done, total, file, problem } = useJobState(job);
  const figures = { count: done, number: number(done), total: number(total ?? done), kind: t(`kinds.${kind.name}`) };
  return (
    <div className="job">
      {phase === "running" && (
        <JobProgress job={job} label={t("export.running", figures)} done={done} total={total} />
      )}
      <ProblemNotice problem={problem} />
      <div role="status">
        {phase !== "running" && <Ending>{t(`export.${phase}`, figures)}</Ending>}
      </div>
      {file && (
        <button type="button" onClick={() => saveFile(file.name, file.blob)}>
          {t("export.again", { name: file.name })}
        </button>
      )}
    </div>
  );
}
