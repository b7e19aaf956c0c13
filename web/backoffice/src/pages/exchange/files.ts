import { plainName } from "./columns";
import type { Reason } from "./reasons";

/** What is written by the names of columns. */
export type Values = Readonly<Record<string, unknown>>;

/** A row as it was read. */
export interface FileRow {
  /** Its place in the file, as spreadsheets and editors count: the header of a CSV file is row 1. */
  number: number;
  /** What it holds by the names of the file's columns; null if it cannot be read. */
  held: Values | null;
  /** Why it cannot be read. */
  fault?: Reason;
  /** What stood there, to be written again if the row is refused. */
  source: readonly string[] | Values | string;
}

export interface FileContents {
  columns: readonly string[];
  rows: readonly FileRow[];
  /** What stands between the fields of a CSV file. */
  delimiter?: string;
}

/** A row that is written again, with what is wrong with it. */
export interface RefusedSource {
  source: FileRow["source"];
  problem: string;
}

/** The file is full of what cannot be read. */
export class TooManyFaults extends Error {}

export interface FileFormat {
  /** At the end of a file's name. */
  name: "csv" | "jsonl";
  mediaType: string;
  /** Throws TooManyFaults for what is hardly such a file. */
  read(text: string): FileContents;
  /** Returns rows as text; a file is all of them one after the other. */
  write(columns: readonly string[], rows: readonly Values[], isFirst: boolean): string;
  /** Returns a file of rows as they were, each with one value more: `problem`. */
  writeRefused(contents: FileContents, rows: readonly RefusedSource[]): string;
}

export const LARGEST_FILE_BYTES = 20_000_000;

/** A name that a file has already from an earlier import: it is no column that anybody misses. */
export const isProblemColumn = (name: string) => plainName(name) === "problem";

/** Return the text of a file; null if it is not UTF-8, such as what an old Excel writes. */
export async function readText(file: Blob): Promise<string | null> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

const REVOKE_MILLISECONDS = 60_000; // Safari reads it some time after the click

/** Have the browser save a file. */
export function saveFile(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), REVOKE_MILLISECONDS);
}
