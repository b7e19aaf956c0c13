import { isProblemColumn, type FileContents, type FileFormat, type FileRow, type RefusedSource, type Values } from "./files";

/** One JSON object a line. */
export const jsonl: FileFormat = {
  name: "jsonl",
  mediaType: "application/jsonl",

  read(text: string): FileContents {
    const rows: FileRow[] = [];
    const columns = new Set<string>();
    for (const [index, line] of text.split("\n").entries()) {
      if (line.trim() === "") continue;
      const object = parseObject(line);
      for (const name of Object.keys(object ?? {})) columns.add(name);
      const fault = object ? undefined : ({ code: "noObject" } as const);
      rows.push({ number: index + 1, held: object, fault, source: object ?? line.trim() });
    }
    return { columns: [...columns], rows };
  },

  write: (columns: readonly string[], rows: readonly Values[]): string =>
    rows.map((row) => lineOf(Object.fromEntries(columns.map((name) => [name, row[name] ?? null])))).join(""),

  /** A line that is no object becomes one that holds it as `line`. */
  writeRefused: (_contents: FileContents, rows: readonly RefusedSource[]): string =>
    rows
      .map(({ source, problem }) => {
        const object = typeof source === "string" ? { line: source } : (source as Values);
        return lineOf({ ...withoutProblem(object), problem });
      })
      .join(""),
};

const lineOf = (value: Values) => `${JSON.stringify(value)}\n`;

const withoutProblem = (object: Values) => Object.fromEntries(Object.entries(object).filter(([name]) => !isProblemColumn(name)));

function parseObject(line: string): Values | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Values) : null;
  } catch {
    return null;
  }
}
