import { useId, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { createUncachedClient } from "../../client";
import { useConfig } from "../../configuration";
import { useFormat } from "../../ui/format";
import { LARGEST_FILE_BYTES, readText, TooManyFaults } from "./files";
import { formatOf } from "./formats";
import { startImport, type ImportJob } from "./importJob";
import { ImportOutcome } from "./ImportOutcome";
import { ImportPreview } from "./ImportPreview";
import { useIsRunning, useJob } from "./Job";
import { KindField } from "./KindField";
import type { Kind, Viewer } from "./kinds";
import { planImport, type ChosenFile } from "./plan";

interface Props {
  kinds: readonly Kind[];
  viewer: Viewer;
}

type FileFault = "fileTooLarge" | "noFile" | "noText" | "tooManyFaults";

/** What is imported, from which file; what is in it; and what has become of it. */
export function ImportSection({ kinds, viewer }: Props) {
  const { t } = useTranslation("exchange");
  const { number } = useFormat();
  const config = useConfig();
  const [job, setJob] = useJob<ImportJob>("import");
  const [kind, setKind] = useState(kinds[0]);
  const [file, setFile] = useState<ChosenFile | null>(null);
  const [fault, setFault] = useState<FileFault | null>(null);
  const plan = useMemo(() => (file && kind ? planImport(kind, viewer, file) : null), [file, kind, viewer]);
  const isRunning = useIsRunning(job);
  const found = file?.contents.rows.length ?? 0;
  const choose = async (chosen: File) => {
    setJob(null);
    const read = await readFile(chosen);
    setFile(typeof read === "string" ? null : read);
    setFault(typeof read === "string" ? read : null);
  };
  return (
    <section className="card" aria-labelledby="import-title">
      <h2 id="import-title">{t("import.title")}</h2>
      {!kind && <p>{t("import.nothing")}</p>}
      {kind && !isRunning && (
        <>
          <p className="soft">{t(`import.explanation.${kind.name}`)}</p>
          <div className="row choices">
            <KindField label={t("import.kind")} kinds={kinds} kind={kind} onChange={setKind} />
            <FileField onChoose={(chosen) => void choose(chosen)} />
          </div>
          <p className="soft">
            {t("import.columns")}{" "}
            {kind.columns(viewer).map(
              ({ name, read, isRequired }) => read && <code key={name}>{isRequired ? `${name}*` : name} </code>,
            )}
          </p>
        </>
      )}
      <div role="alert" className="problem">
        {fault && <p>{t(`import.${fault}`)}</p>}
      </div>
      <div role="status">{file && <p>{t("import.found", { count: found, number: number(found), file: file.name })}</p>}</div>
      {plan && !job && (
        <ImportPreview
          plan={plan}
          onStart={() => {
            setFile(null);
            setJob(startImport(plan, createUncachedClient(config)));
          }}
        />
      )}
      {job && <ImportOutcome job={job} />}
    </section>
  );
}

/** Takes a file; the same one may be chosen again, after it was mended. */
function FileField({ onChoose }: { onChoose: (file: File) => void }) {
  const { t } = useTranslation("exchange");
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{t("import.file")}</label>
      <input
        id={id}
        type="file"
        accept=".csv,.jsonl,.ndjson,.txt,.tsv"
        onChange={({ target }) => {
          const [file] = target.files ?? [];
          if (file) onChoose(file);
          target.value = "";
        }}
      />
    </div>
  );
}

async function readFile(file: File): Promise<ChosenFile | FileFault> {
  if (file.size > LARGEST_FILE_BYTES) return "fileTooLarge";
  try {
    const text = await readText(file);
    if (text === null) return "noText";
    const format = formatOf(file.name, text);
    return { name: file.name, format, contents: format.read(text) };
  } catch (error) {
    if (error instanceof TooManyFaults) return "tooManyFaults";
    if (error instanceof DOMException) return "noFile"; // it was changed or removed since it was chosen
    throw error;
  }
}
