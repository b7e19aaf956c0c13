import { csv } from "./csv";
import type { FileFormat } from "./files";
import { jsonl } from "./jsonl";

export const FORMATS: readonly FileFormat[] = [csv, jsonl];

/** Return which format a file is in: its name says so, or else its first sign. */
export function formatOf(name: string, text: string): FileFormat {
  if (/\.(jsonl|ndjson)$/i.test(name)) return jsonl;
  return text.trimStart().startsWith("{") ? jsonl : csv;
}
