import { isEmpty, plainName, Unreadable, type Column } from "./columns";
import { isProblemColumn, type FileContents, type FileFormat, type FileRow, type Values } from "./files";
import type { Kind, Viewer } from "./kinds";
import type { Reason } from "./reasons";

/** A row that can be sent. */
export interface PlannedRow {
  file: FileRow;
  values: Values;
  /** How long it is in a request. */
  bytes: number;
}

/** A row that is not imported. */
export interface RefusedRow {
  file: FileRow;
  reasons: readonly Reason[];
}

/** What is to become of a file. */
export interface ImportPlan {
  kind: Kind;
  format: FileFormat;
  fileName: string;
  contents: FileContents;
  /** Columns that are imported, as the file names them. */
  taken: readonly string[];
  /** Columns that are only exported. */
  readOnly: readonly string[];
  unknown: readonly string[];
  /** Columns without which nothing can be imported. */
  missing: readonly string[];
  /** Columns that are there more than once, so that nobody knows which is meant. */
  repeated: readonly string[];
  rows: readonly PlannedRow[];
  refused: readonly RefusedRow[];
}

/** A file as it was chosen. */
export interface ChosenFile {
  name: string;
  format: FileFormat;
  contents: FileContents;
}

/** Most bytes of rows in a request; the whole of it may have 1.25 MiB. */
export const BATCH_BYTES = 1_000_000;

/** Read a file as things of a kind. */
export function planImport(kind: Kind, viewer: Viewer, { name, format, contents }: ChosenFile): ImportPlan {
  const columns = kind.columns(viewer);
  const found = contents.columns.filter((each) => each !== "" && !isProblemColumn(each));
  const columnOf = (each: string) => columns.find((column) => plainName(column.name) === plainName(each));
  const taken = found.filter((each) => columnOf(each)?.read);
  const has = (column: Column) => taken.some((each) => columnOf(each) === column);
  const rows: PlannedRow[] = [];
  const refused: RefusedRow[] = [];
  const read = rowReader(taken.map((each) => [each, columnOf(each) as Column]));
  for (const file of contents.rows) {
    const { values, reasons } = read(file);
    const bytes = new TextEncoder().encode(JSON.stringify(values)).length;
    if (bytes > BATCH_BYTES) reasons.push({ code: "tooLarge" });
    if (reasons.length > 0) refused.push({ file, reasons });
    else rows.push({ file, values, bytes });
  }
  return {
    kind,
    format,
    fileName: name,
    contents,
    taken,
    readOnly: found.filter((each) => columnOf(each) && !columnOf(each)?.read),
    unknown: found.filter((each) => !columnOf(each)),
    missing: columns.filter((column) => column.isRequired && !has(column)).map((column) => column.name),
    repeated: taken.filter((each, index) => taken.findIndex((other) => columnOf(other) === columnOf(each)) < index),
    rows,
    refused,
  };
}

/** Return what reads the values of row after row, and says all that is wrong with one. */
function rowReader(columns: readonly (readonly [string, Column])[]) {
  const earlier = new Set<string>();
  return ({ held, fault }: FileRow): { values: Values; reasons: Reason[] } => {
    const values: Record<string, unknown> = {};
    const reasons: Reason[] = fault ? [fault] : [];
    for (const [name, column] of held ? columns : []) {
      try {
        const value = readValue(column, held?.[name]);
        if (value === undefined) continue;
        if (column.isUnique) requireNew(earlier, JSON.stringify([column.name, value]).toLowerCase());
        values[column.name] = value;
      } catch (error) {
        if (!(error instanceof Unreadable)) throw error;
        reasons.push({ code: error.fault, column: column.name, choices: error.choices });
      }
    }
    return { values, reasons };
  };
}

function readValue({ read, isRequired }: Column, held: unknown): unknown {
  if (!isEmpty(held)) return read?.(held);
  if (isRequired) throw new Unreadable("missing");
  return undefined;
}

function requireNew(earlier: Set<string>, value: string): void {
  if (earlier.has(value)) throw new Unreadable("repeated");
  earlier.add(value);
}
