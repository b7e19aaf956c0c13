// What scenarios of import and export share.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { act } from "./support.mjs";

export const exporting = (page) => page.getByRole("region", { name: "Export", exact: true });
export const importing = (page) => page.getByRole("region", { name: "Import", exact: true });
export const says = (scope, text) => scope.getByRole("status").getByText(text, { exact: true }).waitFor();

/** Does what has the browser save a file; returns its name and its text. */
export async function saved(page, work) {
  const [download] = await Promise.all([page.waitForEvent("download"), work()]);
  return { name: download.suggestedFilename(), text: await readFile(await download.path(), "utf8") };
}

export async function exportFile(page, kind, format) {
  const section = exporting(page);
  await section.getByLabel("What to export").selectOption(kind);
  await section.getByLabel("Kind of file").selectOption(format);
  return saved(page, () => section.getByRole("button", { name: "Export", exact: true }).click());
}

/** Chooses a file to import; what is in it shows. */
export async function choose(page, kind, name, text) {
  const section = importing(page);
  await section.getByLabel("What to import").selectOption(kind);
  const buffer = Buffer.isBuffer(text) ? text : Buffer.from(text);
  await section.getByLabel("File (CSV or JSONL)").setInputFiles({ name, mimeType: "text/plain", buffer });
}

export const start = (page, button) => importing(page).getByRole("button", { name: button, exact: true }).click();

export const saveRest = (page, name) => saved(page, () => start(page, `Save ${name}`));

/** Reads CSV as RFC 4180 has it: an object a row, by the names in the first one. */
export function readCsv(text, delimiter = ",") {
  const field = new RegExp(`(?:"((?:[^"]|"")*)"|([^"${delimiter}\r\n]*))(${delimiter}|\r\n)`, "gy");
  const lines = [[]];
  for (const [, quoted, plain, end] of text.replace(/^\ufeff/, "").matchAll(field)) {
    lines.at(-1).push(quoted?.replaceAll('""', '"') ?? plain);
    if (end !== delimiter) lines.push([]);
  }
  const [names, ...rows] = lines.slice(0, -1);
  return rows.map((row) => Object.fromEntries(row.map((value, index) => [names[index] ?? index, value])));
}

export const writeCsv = (rows, delimiter = ",") =>
  [Object.keys(rows[0]), ...rows.map(Object.values)]
    .map((line) => line.map((value) => `"${String(value).replaceAll('"', '""')}"`).join(delimiter))
    .join("\r\n");

export const readJsonl = (text) => text.trimEnd().split("\n").map((line) => JSON.parse(line));
export const writeJsonl = (rows) => rows.map((row) => JSON.stringify(row)).join("\n");

/** Returns all objects of a connection, the oldest first. */
export async function storedOf(field, selection, token) {
  const query = `query($after: String) { ${field}(first: 100, after: $after, orderBy: [{ field: CREATED_AT, direction: ASC }]) {
    nodes { ${selection} } pageInfo { hasNextPage endCursor } } }`;
  const found = [];
  for (let after = null, isMore = true; isMore; ) {
    const { nodes, pageInfo } = (await act(query, { after }, token))[field];
    found.push(...nodes);
    [after, isMore] = [pageInfo.endCursor, pageInfo.hasNextPage];
  }
  return found;
}

/** Holds up one request with an operation, the first or a later one. */
export async function hold(page, name, which) {
  const arrived = Promise.withResolvers();
  const released = Promise.withResolvers();
  let seen = 0;
  await page.route("**/graphql", async (route) => {
    if (route.request().postDataJSON()?.operationName !== name || ++seen !== which) return route.fallback();
    arrived.resolve();
    await released.promise;
    await route.continue();
  });
  return { arrived: arrived.promise, release: released.resolve };
}

/** Asserts why each of the rows is refused. */
export function assertProblems(rows, expected) {
  assert.equal(rows.length, expected.length, JSON.stringify(rows));
  for (const [index, problem] of expected.entries()) {
    if (problem instanceof RegExp) assert.match(rows[index].problem, problem);
    else assert.equal(rows[index].problem, problem);
  }
}
