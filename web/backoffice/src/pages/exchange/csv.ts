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
type LineBreak = "\r\n" | "\n" | "\r";
const WINDOW = 1_200_000; // characters that are read at once; no row that can be imported is longer
const MOST_BROKEN_ROWS = 5_000;
const MOST_WRONG_QUOTES = 5_000_000; // that were looked at in vain for the end of such rows

/** CSV as RFC 4180 has it, and as spreadsheets write it: commas, semicolons or tabs between the fields. */
export const csv: FileFormat = {
  name: "csv",
  mediaType: "text/csv",

  read(text: string): FileContents {
    const [head = "", names = "", lineBreak = "\n"] = /^(.*)(\r\n|\n|\r)?/.exec(text) ?? [];
    const { delimiter } = Papa.parse(names).meta; // names hold no such signs: the first row tells them best
    const columns = (readRecord(names, delimiter) ?? []).map((name) => name.trim());
    const rows: FileRow[] = [];
    for (const { number, cells, fault } of records(text.slice(head.length), delimiter, lineBreak as LineBreak)) {
      if (cells.every((cell) => cell.trim() === "")) continue; // a spreadsheet's empty row
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
    const lines = rows.map(({ source, problem }) => [problem, ...without(source as string[])]);
    return BYTE_ORDER_MARK + write([["problem", ...without(columns)], ...lines], delimiter);
  },
};

const write = (lines: readonly (readonly string[])[], delimiter = ",") =>
  Papa.unparse([...lines], { delimiter, escapeFormulae: FORMULA, newline: LINE_BREAK }) + LINE_BREAK;

function cellOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
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
function records(body: string, delimiter: string, newline: LineBreak): CsvRecord[] {
  const found: CsvRecord[] = [];
  let number = 1;
  let broken = 0;
  let wrongQuotes = 0;
  for (let start = 0; start < body.length; ) {
    const isLast = start + WINDOW >= body.length;
    const { good, length, faulty, errors } = goodRecords(body.slice(start, start + WINDOW), isLast, delimiter, newline);
    for (const cells of good) found.push({ number: ++number, cells });
    start += length;
    const isCutOff = !isLast && length + faulty >= WINDOW; // by the window's end, so that it may be good
    if (start >= body.length || (length > 0 && isCutOff)) continue;
    wrongQuotes += errors;
    if (++broken > MOST_BROKEN_ROWS || wrongQuotes > MOST_WRONG_QUOTES) throw new TooManyFaults();
    const next = body.indexOf(newline, start);
    const end = next < 0 ? body.length : next;
    const cells = body.slice(start, end).split(delimiter);
    found.push({ number: ++number, cells, fault: { code: "quotes" } });
    start = end + newline.length;
  }
  return found;
}

interface GoodRecords {
  good: string[][];
  /** How long they are. */
  length: number;
  /** How long what follows is: a record whose quotes are wrong, or one that may go on behind the text. */
  faulty: number;
  /** How many of its quotes are wrong. */
  errors: number;
}

/** Return the records of a text up to the first one whose quotes are wrong; the last one only if it is whole. */
function goodRecords(text: string, isWhole: boolean, delimiter: string, newline: LineBreak): GoodRecords {
  const good: string[][] = [];
  const ends = [0];
  let [faulty, wrong] = [0, 0];
  Papa.parse<string[]>(text, {
    delimiter,
    newline,
    step({ data, errors, meta }, parser) {
      if (errors.some(({ type }) => type === "Quotes")) {
        wrong = errors.length;
        faulty = meta.cursor - (ends.at(-1) ?? 0);
        parser.abort();
      } else {
        good.push(data);
        ends.push(meta.cursor);
      }
    },
  });
  if (!isWhole && faulty === 0) {
    good.pop();
    ends.pop();
    faulty = text.length - (ends.at(-1) ?? 0);
  }
  return { good, length: ends.at(-1) ?? 0, faulty, errors: wrong };
}

const readRecord = (line: string, delimiter: string) => Papa.parse<string[]>(line, { delimiter }).data[0];
