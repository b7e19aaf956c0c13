import type { Client } from "urql";
import { dayFromNow } from "../../ui/days";
import type { ExportPage } from "./requests";
import { saveFile, type FileFormat } from "./files";
import { Job, type JobState } from "./Job";
import type { Kind, Viewer } from "./kinds";
import { retry } from "./retry";

export interface ExportState extends JobState {
  kind: Kind;
  /** Rows that have come. */
  done: number;
  /** Rows that there are; null until the first of them come. */
  total: number | null;
  file: { name: string; blob: Blob } | null;
}

export type ExportJob = Job<ExportState>;

/** Export all things of a kind that the viewer may see; the file is saved when it is whole. */
export function startExport(kind: Kind, format: FileFormat, viewer: Viewer, client: Client): ExportJob {
  const nothing = { done: 0, total: null, file: null, problem: null };
  const state: ExportState = { phase: "running", notice: null, isStopping: false, kind, ...nothing };
  return new Job(state, async (job) => {
    const name = `${kind.name}-${dayFromNow(0)}.${format.name}`;
    const columns = kind.columns(viewer).map((column) => column.name);
    const parts: string[] = [];
    const pageBehind = (cursor: string | null) => retry(job, () => kind.ask(client, cursor));
    for (let page: ExportPage | null = null; page?.end !== null; ) {
      const answer = await pageBehind(page?.end ?? null);
      if (job.signal.aborted || "problem" in answer) {
        const problem = !job.signal.aborted && "problem" in answer ? answer.problem : null;
        job.update({ phase: problem ? "failed" : "cancelled", problem });
        return;
      }
      const isFirst = page === null;
      page = answer.value;
      const { rows, totalCount } = page;
      parts.push(format.write(columns, rows, isFirst));
      const done = job.state.done + rows.length;
      job.update({ done, total: Math.max(totalCount ?? 0, job.state.total ?? 0, done) }); // there may be more by now
    }
    const blob = new Blob(parts, { type: format.mediaType });
    job.update({ phase: "done", file: { name, blob } });
    saveFile(name, blob);
  });
}
