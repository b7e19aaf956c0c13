import Papa from "papaparse";
import {
  isProblemColumn,
  TooManyFaults,
  type FileContents,
  type FileFormat,
  type FileRow,
  type RefusedSource,
  type Values,
} from "./files";
import type { Reason } from "./reasons";

/**
 * What spreadsheets take for a formula, by "CSV Injection" of OWASP: a text that begins with one of these signs. They
 * get an apostrophe before them, which makes them texts; so does what begins with apostrophes and one of these signs, so
 * that taking one apostrophe off again gives exactly what there was.
 */
const FORMULA = /^'*[=+\-@\t\r]/;
const ESCAPED = /^'(?='*[=+\-@\t\r])/;

const BYTE_ORDER_MARK = "\ufeff"; // without it Excel takes UTF-8 for the code page of its system
const LINE_BREAK = "\r\n";
const MOST_BROKEN_ROWS = 500; // each has the rest of the file looked through

/** CSV as RFC 4180 has it, and as spreadsheets write it: commas, semicolons or tabs between the fields. */
export const csv: FileFormat = {
  name: "csv",
  mediaType: "text/csv",

  read(text: string): FileContents {
    const [head = "", lineBreak = "\n"] = /^.*?(\r\n|\n|\r|$)/.exec(text) ?? [];
    const { delimiter } = Papa.parse(head).meta; // names have no such signs: the first row tells them best
    const columns = (readRecord(head.trimEnd(), delimiter) ?? []).map((name) => name.trim());
    const rows: FileRow[] = [];
    for (const { number, cells, fault } of records(text.slice(head.length), delimiter, lineBreak || "\n")) {
      if (cells.every((cell) => cell.trim() === "")) continue;
      const read = fault ? { held: null, fault } : heldBy(columns, cells);
      rows.push({ number, source: cells, ...read });
    }
    return { columns, rows, delimiter };
  },

  write(columns: readonly string[], rows: readonly Values[], isFirst: boolean): string {
    const lines = rows.map((row) => columns.map((name) => cellOf(row[name])));
    if (!isFirst) return lines.length > 0 ? write(lines) : "";
    return BYTE_ORDER_MARK + write([[...columns], ...lines]);
  },

  writeRefused({ columns, delimiter }: FileContents, rows: readonly RefusedSource[]): string {
    const earlier = columns.findIndex(isProblemColumn);
    const without = (cells: readonly string[]) => cells.filter((_, index) => index !== earlier);
    // The problem comes first, since a row may have more fields than there are columns.
    const lines = rows.map(({ source, problem }) => [problem, ...without(source as readonly string[])]);
    return BYTE_ORDER_MARK + write([["problem", ...without(columns)], ...lines], delimiter);
  },
};

const write = (lines: readonly (readonly string[])[], delimiter = ",") =>
  Papa.unparse(lines as string[][], { delimiter, escapeFormulae: FORMULA, newline: LINE_BREAK }) + LINE_BREAK;

function cellOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  return Array.isArray(value) ? value.join(", ") : String(value as string | number | boolean);
}

function heldBy(columns: readonly string[], cells: readonly string[]): Pick<FileRow, "held" | "fault"> {
  const [found, expected] = [cells.length, columns.length];
  if (found !== expected) return { held: null, fault: { code: "fields", found, expected } };
  return { held: Object.fromEntries(columns.map((name, index) => [name, cells[index]?.replace(ESCAPED, "")])) };
}

interface CsvRecord {
  number: number;
  cells: readonly string[];
  fault?: Reason;
}

/**
 * Return the records below the header. Quotes that are wrong would swallow what follows up to the next one that fits, so
 * a record with such is its first line alone, and reading goes on with the line behind it.
 */
function records(body: string, delimiter: string, newline: string): CsvRecord[] {
  const found: CsvRecord[] = [];
  let number = 1;
  let broken = 0;
  for (let start = 0; start < body.length; ) {
    let from = start;
    let isBroken = false;
    Papa.parse<string[]>(body.slice(start), {
      delimiter,
      newline,
      step({ data, errors, meta }, parser) {
        isBroken = errors.some(({ type }) => type === "Quotes");
        if (isBroken) return parser.abort();
        found.push({ number: ++number, cells: data });
        from = start + meta.cursor;
      },
    });
    if (!isBroken) break;
    if (++broken > MOST_BROKEN_ROWS) throw new TooManyFaults();
    const end = body.indexOf(newline, from);
    const line = body.slice(from, end < 0 ? undefined : end);
    found.push({ number: ++number, cells: line.split(delimiter), fault: { code: "quotes" } });
    start = end < 0 ? body.length : end + newline.length;
  }
  return found;
}

const readRecord = (line: string, delimiter: string) => Papa.parse<string[]>(line, { delimiter }).data[0];
