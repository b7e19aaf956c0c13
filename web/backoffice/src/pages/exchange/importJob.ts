import type { Client } from "urql";
import { newKey } from "../../ui/newKey";
import type { Problem } from "../../ui/problem";
import { Job, type JobState } from "./Job";
import { retry } from "./retry";
import { BATCH_BYTES, type ImportPlan, type PlannedRow, type RefusedRow } from "./plan";
import type { Reason } from "./reasons";

export interface ImportState extends JobState {
  plan: ImportPlan;
  imported: number;
  /** Rows that are refused so far. */
  refused: number;
  /** Rows of the file that are not imported, in its order; filled when the job is over. */
  rest: readonly RefusedRow[];
}

export type ImportJob = Job<ImportState>;

/** Codes of a whole call that lie in its rows: without the row that is to blame the others go through. */
const LIES_IN_ROWS: ReadonlySet<string> = new Set([
  "ALREADY_EXISTS",
  "BAD_REQUEST",
  "BAD_USER_INPUT",
  "DOCUMENT_TOO_COMPLEX",
  "GRAPHQL_VALIDATION_FAILED",
  "PAYLOAD_TOO_LARGE",
]);
/** Codes after which nobody knows whether the rows were written. */
const LEAVES_OPEN: ReadonlySet<string> = new Set(["INTERNAL", "OFFLINE", "SERVICE_UNAVAILABLE", "TIMEOUT"]);

/** Import the rows of a plan, batch after batch. */
export function startImport(plan: ImportPlan, client: Client): ImportJob {
  const nothing = { imported: 0, refused: plan.refused.length, rest: [], problem: null };
  const state: ImportState = { phase: "running", notice: null, isStopping: false, plan, ...nothing };
  return new Job(state, async (job) => {
    const refused = [...plan.refused];
    const waiting = batchesOf(plan.rows, plan.kind.batchSize).reverse();
    const end = (problem: Problem | null, open: readonly PlannedRow[] = []) => {
      const left = [...open.map(because("unknown")), ...waiting.flat().map(because("unsent"))];
      const isCancelled = job.signal.aborted && left.length > 0;
      const phase = isCancelled ? "cancelled" : problem ? "failed" : "done";
      const rest = [...refused, ...left].sort((one, other) => one.file.number - other.file.number);
      job.update({ phase, problem: isCancelled ? null : problem, rest });
    };
    for (let batch = waiting.pop(); batch; batch = job.signal.aborted ? undefined : waiting.pop()) {
      const problem = await sendBatch(job, client, batch, refused);
      if (!problem) continue;
      if (LIES_IN_ROWS.has(problem.code)) {
        const half = batch.length / 2; // of two or more
        waiting.push(batch.slice(half), batch.slice(0, half));
      } else {
        const isOpen = LEAVES_OPEN.has(problem.code);
        if (!isOpen) waiting.push(batch);
        end(problem, isOpen ? batch : []);
        return;
      }
    }
    end(null);
  });
}

/** Send a batch, and note what became of its rows; returns what is wrong with the call, if it is more than one row. */
async function sendBatch(
  job: ImportJob,
  client: Client,
  batch: readonly PlannedRow[],
  refused: RefusedRow[],
): Promise<Problem | null> {
  const { kind } = job.state.plan;
  const key = newKey(); // the same for all tries, so that none of them imports a row twice
  const answer = await retry(job, () => kind.send(client, batch.map(({ values }) => values), key));
  let outcomes: readonly (Problem | null)[];
  if ("value" in answer) outcomes = answer.value;
  else if (batch.length === 1 && LIES_IN_ROWS.has(answer.problem.code)) outcomes = [answer.problem];
  else return answer.problem;
  for (const [index, { file }] of batch.entries()) {
    const problem = outcomes[index];
    if (problem) refused.push({ file, reasons: [reasonOf(problem)] });
  }
  const failed = outcomes.filter(Boolean).length;
  const { imported } = job.state;
  job.update({ imported: imported + batch.length - failed, refused: refused.length });
  return null;
}

/** Return what the server says of a row: of its fields, by their names without the place of the row in the call. */
function reasonOf({ message, fields }: Problem): Reason {
  const said = fields.map((field) => `${field.path.replace(/^\w+\.\d+\./, "")}: ${field.message}`);
  return { code: "said", message: said.join(" ") || message };
}

const because =
  (code: "unknown" | "unsent") =>
  ({ file }: PlannedRow): RefusedRow => ({ file, reasons: [{ code }] });

/** Return rows in batches of so many at most, and of no more bytes than a request may have. */
function batchesOf(rows: readonly PlannedRow[], size: number): PlannedRow[][] {
  const batches: PlannedRow[][] = [];
  let bytes = 0;
  for (const row of rows) {
    const last = batches.at(-1);
    if (last && last.length < size && bytes + row.bytes <= BATCH_BYTES) {
      last.push(row);
      bytes += row.bytes;
    } else {
      batches.push([row]);
      bytes = row.bytes;
    }
  }
  return batches;
}
