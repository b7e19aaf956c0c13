// Import of tasks in both formats: rows that are refused do not stop others, and are imported once they are mended.
import assert from "node:assert/strict";
import { inspect, openAs, watchOperations } from "./backoffice_support.mjs";
import { assertProblems, choose, exportFile, importing, readCsv, readJsonl, saveRest, says, start, storedOf, writeCsv, writeJsonl } from "./exchange_support.mjs";
import { alert } from "./members_support.mjs";
import { act, scenario } from "./support.mjs";

const LABEL = `mutation { createLabel(input: { name: "Big", color: BLUE }) { ... on Label { id } } }`;
const { id: label } = (await act(LABEL)).createLabel;

const TASK_FILE = `Title;Due date;status;labelIds;unheard;id
"Semicolons; and ""quotes""";2026-03-01 08:30;in progress;${label};"x,
two lines";Task:1
;;;;;
 ;;;;;Task:2
Later;soon;DOING;;;
Never;2026-02-30T10:00:00Z;;;;
Broken "quotes;;;;;
"Wrong "quotes";;;;;
Too many;;;;;;fields
${"Long".repeat(60)};;;;;
Labelled;;;Label:00000000-0000-0000-0000-000000000000;;
'=Plain;2026-03-01T08:30:00.5+02:00;;;;
`;
const TASK_PROBLEMS = [
  "title is missing.",
  "dueDate is no date and time such as 2026-01-31T09:30:00Z. status is none of: TODO, IN_PROGRESS, DONE.",
  "dueDate is no date and time such as 2026-01-31T09:30:00Z.",
  "Its quotation marks are wrong.",
  "It has 7 fields where the header has 6.",
  /^title: This may have 200 characters at most\.$/,
  /^labelIds.*: /,
];

await scenario(async (page) => {
  const operations = watchOperations(page);
  await openAs(page, "/exchange");
  await choose(page, "tasks", "my tasks.csv", TASK_FILE);
  await says(importing(page), "my tasks.csv: 10 rows");
  await importing(page).getByText("Not imported, since Atrium sets them itself: id.").waitFor();
  await importing(page).getByText("Not known, and left out: unheard.").waitFor();
  await importing(page).getByRole("cell", { name: /^Semicolons; and "quotes"/ }).waitFor();
  await importing(page).getByText("5 rows cannot be imported as they are:").waitFor();
  await importing(page).getByText("Row 4: title is missing.").waitFor();
  await inspect(page, "exchange-preview");
  operations();
  await start(page, "Import 5 rows");
  await says(importing(page), "3 of 10 rows of my tasks.csv are imported.");
  assert.deepEqual(operations(), ["ImportTasks"]);
  await inspect(page, "exchange-imported");
  const selection = "title status dueDate labels { nodes { id } }";
  assert.deepEqual(await storedOf("tasks", selection), [
    { title: 'Semicolons; and "quotes"', status: "IN_PROGRESS", dueDate: "2026-03-01T08:30:00.000000Z", labels: { nodes: [{ id: label }] } },
    { title: 'Broken "quotes', status: "TODO", dueDate: null, labels: { nodes: [] } },
    { title: "=Plain", status: "TODO", dueDate: "2026-03-01T06:30:00.500000Z", labels: { nodes: [] } },
  ]);

  // The rows that were refused, as they were, each with why; mended they are imported.
  const rest = await saveRest(page, "my tasks-rest.csv");
  assert.equal(rest.name, "my tasks-rest.csv");
  const refused = readCsv(rest.text, ";");
  assertProblems(refused, TASK_PROBLEMS);
  assert.deepEqual(Object.keys(refused[0]), ["problem", "Title", "Due date", "status", "labelIds", "unheard", "id"]);
  assert.equal(refused[3].Title, '"Wrong "quotes"');
  assert.equal(refused[4][7], "fields");
  const [unnamed, later, never, quotes, many, long, labelled] = refused;
  delete many[7];
  const mended = [
    { ...unnamed, Title: "Named" },
    { ...later, "Due date": "2026-05-01T00:00Z", status: "done" },
    { ...never, "Due date": "" },
    { ...quotes, Title: 'Right "quotes"' },
    many,
    { ...long, Title: "Short" },
    { ...labelled, labelIds: label },
  ];
  await choose(page, "tasks", rest.name, writeCsv(mended, ";"));
  await start(page, "Import 7 rows");
  await says(importing(page), "7 of 7 rows of my tasks-rest.csv are imported.");
  assert.equal(await importing(page).getByRole("button", { name: /^Save/ }).count(), 0);
  const titles = (await storedOf("tasks", "title")).map(({ title }) => title);
  assert.deepEqual(titles.slice(3), ["Named", "Later", "Never", 'Right "quotes"', "Too many", "Short", "Labelled"]);

  // JSONL, where a list is a list and a number a number.
  const lines = [
    { title: "From a program", labelIds: [label], dueDate: null, priority: "URGENT" },
    { title: 5 },
    { description: "-1+1", title: " " },
    { title: "Owned", assigneeId: "User:00000000-0000-0000-0000-000000000000" },
  ];
  await choose(page, "tasks", "tasks.jsonl", `${writeJsonl(lines)}\n\n[1]\n{"title": "Cut`);
  await start(page, "Import 2 rows");
  await says(importing(page), "1 of 6 rows of tasks.jsonl are imported.");
  const left = readJsonl((await saveRest(page, "tasks-rest.jsonl")).text);
  const notObject = "This line is no JSON object.";
  assertProblems(left, ["title is no text.", "title is missing.", /^assigneeId: /, notObject, notObject]);
  assert.deepEqual(left.slice(3).map(({ line }) => line), ["[1]", '{"title": "Cut']);
  assert.equal(left[1].description, "-1+1");
  const written = left.map(({ line, assigneeId, ...row }, index) => ({ ...row, title: `Mended ${index}` }));
  await choose(page, "tasks", "tasks.ndjson", writeJsonl(written));
  await start(page, "Import 5 rows");
  await says(importing(page), "5 of 5 rows of tasks.ndjson are imported.");
  const programs = (await storedOf("tasks", "title description priority")).slice(10);
  assert.deepEqual(programs[0], { title: "From a program", description: null, priority: "URGENT" });
  assert.deepEqual(programs.slice(1).map(({ title }) => title), [0, 1, 2, 3, 4].map((index) => `Mended ${index}`));
  assert.equal(programs[2].description, "-1+1");

  // Files of which nothing can be imported.
  await choose(page, "tasks", "wrong.csv", "name,title,Title\na,b,c\n");
  await alert(importing(page), "These columns are there more than once: Title.");
  await choose(page, "tasks", "wrong.csv", "name,price\na,b\n");
  await alert(importing(page), "These columns are missing: title.");
  assert.equal(await importing(page).getByRole("button", { name: /^Import/ }).count(), 0);
  await choose(page, "tasks", "old.csv", Buffer.from("title\nGrüße\n", "latin1"));
  await alert(importing(page), "This file is not UTF-8.");
  await choose(page, "tasks", "large.csv", Buffer.alloc(20_000_001, "x"));
  await alert(importing(page), "This file is larger than 20 MB.");
  await choose(page, "tasks", "binary.csv", `title\n${'"a"b\n'.repeat(2_000_000)}`);
  await alert(importing(page), "Too many rows of this file have wrong quotation marks.");
  await choose(page, "tasks", "none.csv", "");
  await alert(importing(page), "These columns are missing: title.");
  await choose(page, "tasks", "bad.csv", "title,status\nOne,never\n");
  await start(page, "Go on to the file of these rows");
  await says(importing(page), "0 of 1 rows of bad.csv are imported.");
});

// What spreadsheets would take for formulas is text in the file, and comes back as it was.
await scenario(async (page) => {
  await openAs(page, "/exchange");
  const signs = ["=", "+", "-", "@", "'=", "''@", "'plain", "\t", "\r"];
  const rows = signs.map((sign, index) => ({ title: `Formula ${index}`, description: `${sign}HYPERLINK("http://example.com"),\n${sign}` }));
  rows.push({ title: '=cmd|"/C calc"!A1', description: "-1" });
  const all = `${rows.length} of ${rows.length} rows`;
  await choose(page, "tasks", "formulas.jsonl", writeJsonl(rows));
  await start(page, `Import ${rows.length} rows`);
  await says(importing(page), `${all} of formulas.jsonl are imported.`);
  const { text } = await exportFile(page, "tasks", "csv");
  const written = readCsv(text).slice(-rows.length);
  const begins = ["'=HY", "'+HY", "'-HY", "'@HY", "''=H", "'''@", "'pla", "'\tHY", "'\rHY", "'-1"];
  assert.deepEqual(written.map(({ description }) => description.slice(0, 4)), begins);
  assert.equal(written.at(-1).title, `'${rows.at(-1).title}`);
  await choose(page, "tasks", "again.csv", writeCsv(written));
  await start(page, `Import ${rows.length} rows`);
  await says(importing(page), `${all} of again.csv are imported.`);
  assert.deepEqual((await storedOf("tasks", "title description")).slice(-rows.length), rows);
});
