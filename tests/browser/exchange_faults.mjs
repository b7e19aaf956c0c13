// What comes between an import and its end: somebody cancels it, the server limits it, an answer is lost, a role ends.
import assert from "node:assert/strict";
import { answerWith, inspect, loseAnswer, openAs } from "./backoffice_support.mjs";
import { choose, exportFile, hold, importing, readJsonl, saveRest, says, start, storedOf, writeJsonl } from "./exchange_support.mjs";
import { alert, giveRole } from "./members_support.mjs";
import { act, scenario } from "./support.mjs";

const { ADMIN, ADMIN_EMAIL } = process.env;
const COUNT = 450; // three batches
const titles = (prefix, count = COUNT) => Array.from({ length: count }, (_, index) => `${prefix} ${index + 1}`);
const fileOf = (prefix, count) => writeJsonl(titles(prefix, count).map((title) => ({ title })));
const stored = async (prefix, token) =>
  (await storedOf("tasks", "title", token)).map(({ title }) => title).filter((title) => title.startsWith(prefix));
const keysOf = (page) => {
  const keys = [];
  page.on("request", (request) => {
    const { operationName, variables } = request.method() === "POST" ? request.postDataJSON() : {};
    if (operationName === "ImportTasks") keys.push(variables.input.idempotencyKey);
  });
  return keys;
};

// Cancelled in the middle, after a look at another page: what is left is in a file, which is imported afterwards.
await scenario(async (page) => {
  await openAs(page, "/exchange");
  const held = await hold(page, "ImportTasks", 2);
  await choose(page, "tasks", "cancelled.jsonl", fileOf("Cancelled"));
  await importing(page).getByRole("button", { name: `Import ${COUNT} rows` }).press("Enter");
  await held.arrived;
  const progress = page.getByRole("progressbar", { name: "Importing cancelled.jsonl" });
  assert.deepEqual([await progress.getAttribute("value"), await progress.getAttribute("max")], ["200", String(COUNT)]);
  const cancel = importing(page).getByRole("button", { name: "Cancel" });
  assert.ok(await cancel.evaluate((button) => button === document.activeElement), "the focus goes to what there is to do");
  await inspect(page, "exchange-importing");
  await page.getByRole("link", { name: "Documents" }).click();
  await page.getByRole("heading", { level: 1, name: "Documents" }).waitFor();
  await page.goBack();
  await progress.waitFor();
  await cancel.press("Enter");
  await says(importing(page), "It ends with the answer that is on its way.");
  held.release();
  const ending = `Cancelled: 400 of ${COUNT} rows of cancelled.jsonl are imported.`;
  await says(importing(page), ending);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), ending);
  await inspect(page, "exchange-cancelled");
  const rest = await saveRest(page, "cancelled-rest.jsonl");
  const rows = readJsonl(rest.text);
  assert.deepEqual(rows.map(({ title }) => title), titles("Cancelled").slice(400));
  assert.deepEqual(new Set(rows.map(({ problem }) => problem)), new Set(["It was not sent."]));
  await choose(page, "tasks", rest.name, rest.text);
  await start(page, "Import 50 rows");
  await says(importing(page), "50 of 50 rows of cancelled-rest.jsonl are imported.");
  assert.deepEqual(await stored("Cancelled"), titles("Cancelled"));
});

// Refused for now and answered in vain: the same batch is sent again under its key, and no row is there twice.
await scenario(async (page, context, faults) => {
  await openAs(page, "/exchange");
  const keys = keysOf(page);
  await choose(page, "tasks", "limited.jsonl", fileOf("Limited"));
  await answerWith(page, "ImportTasks", { data: null, errors: [{ message: "No.", extensions: { code: "RATE_LIMITED", retryAfter: 2 } }] });
  const began = performance.now();
  await start(page, `Import ${COUNT} rows`);
  await says(importing(page), "The server limits how much is done at once. It goes on by itself, and takes longer.");
  await inspect(page, "exchange-limited");
  await says(importing(page), `${COUNT} of ${COUNT} rows of limited.jsonl are imported.`);
  assert.ok(performance.now() - began > 2000, "it waits for as long as it is told to");
  assert.deepEqual([keys.length, new Set(keys).size, keys[0]], [4, 3, keys[1]]);
  assert.deepEqual(await stored("Limited"), titles("Limited"));

  const lost = await loseAnswer(page, "ImportTasks", faults);
  await choose(page, "tasks", "lost.jsonl", fileOf("Lost"));
  keys.length = 0;
  await start(page, `Import ${COUNT} rows`);
  const key = await lost();
  await says(importing(page), `${COUNT} of ${COUNT} rows of lost.jsonl are imported.`);
  assert.deepEqual([keys.length, new Set(keys).size], [4, 3]);
  assert.deepEqual(keys.slice(0, 2), [key, key]);
  assert.deepEqual(await stored("Lost"), titles("Lost"));

  // Cancelled before the answer to a lost one is there: nobody knows, and the file says so.
  const held = await hold(page, "ImportTasks", 2);
  await choose(page, "tasks", "open.jsonl", fileOf("Open"));
  await start(page, `Import ${COUNT} rows`);
  await held.arrived;
  await context.setOffline(true);
  held.release();
  await importing(page).getByRole("status").getByText("The server does not answer.").waitFor();
  await importing(page).getByRole("button", { name: "Cancel" }).click();
  await says(importing(page), `Cancelled: 200 of ${COUNT} rows of open.jsonl are imported.`);
  const rows = readJsonl((await saveRest(page, "open-rest.jsonl")).text);
  assert.deepEqual(rows.map(({ title }) => title), titles("Open").slice(200));
  assert.match(rows[199].problem, /^Nobody knows whether it is imported/);
  assert.equal(rows[200].problem, "It was not sent.");
  await context.setOffline(false);
  faults.splice(0).forEach((fault) => assert.match(fault, /ERR_INTERNET_DISCONNECTED/));
});

// A row that has the server refuse the whole call is found, and the others go through.
await scenario(async (page, _context, faults) => {
  await openAs(page, "/exchange");
  const rows = titles("Split", 8).map((title) => ({ title }));
  await choose(page, "tasks", "split.jsonl", writeJsonl([...rows, { title: "Split\ud800" }]));
  await start(page, "Import 9 rows");
  await says(importing(page), "8 of 9 rows of split.jsonl are imported.");
  assert.deepEqual((await stored("Split")).sort(), titles("Split", 8));
  assert.ok(faults.splice(0).every((fault) => /status of 400/.test(fault)));
});

// Whoever is no admin any more is refused, and has every row in the file.
await scenario(async (page) => {
  await openAs(page, "/exchange", { email: ADMIN_EMAIL });
  await choose(page, "articles", "late.csv", "title,content\nLate,Text\n");
  await importing(page).getByRole("button", { name: "Import 1 row", exact: true }).waitFor();
  await giveRole(ADMIN, "MEMBER");
  await start(page, "Import 1 row");
  await alert(importing(page), "You have no right to do this.");
  await says(importing(page), "Stopped: 0 of 1 rows of late.csv are imported.");
  assert.match((await saveRest(page, "late-rest.csv")).text, /It was not sent\.,Late,Text/);
});

// In German.
await scenario(async (page) => {
  await openAs(page, "/exchange");
  await page.getByLabel("Language").selectOption("de");
  const section = page.getByRole("region", { name: "Import", exact: true });
  const buffer = Buffer.from("title;status\nEins;nie\nZwei;TODO\n");
  await section.getByLabel("Datei (CSV oder JSONL)").setInputFiles({ name: "deutsch.csv", mimeType: "text/csv", buffer });
  await section.getByText("1 Zeile kann so nicht importiert werden:").waitFor();
  await section.getByRole("button", { name: "1 Zeile importieren" }).click();
  await says(section, "1 von 2 Zeilen aus deutsch.csv sind importiert.");
  await section.getByText("status ist keines von: TODO, IN_PROGRESS, DONE.").waitFor();
  await inspect(page, "exchange-german");
});

// Whoever goes to another tenant takes no import along.
const OTHER = `mutation { createTenant(input: { name: "Other", slug: "other" }) { ... on Tenant { id } ... on Error { message } } }`;
const SWITCH = `mutation { switchTenant(input: { tenant: "other" }) { ... on Session { accessToken } } }`;
await scenario(async (page) => {
  await openAs(page, "/exchange");
  await act(OTHER);
  await page.reload();
  const held = await hold(page, "ImportTasks", 1);
  await choose(page, "tasks", "moved.jsonl", fileOf("Moved"));
  await start(page, `Import ${COUNT} rows`);
  await held.arrived;
  await page.getByLabel(/^Tenant/).selectOption("other");
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  await page.getByRole("link", { name: "Import" }).click();
  await importing(page).waitFor();
  const answered = page.waitForResponse((response) => response.request().postDataJSON()?.operationName === "ImportTasks");
  held.release();
  await answered;
  assert.equal(await importing(page).getByRole("progressbar").count(), 0);
  assert.equal(readJsonl((await exportFile(page, "members", "jsonl")).text).length, 1);
  assert.deepEqual(await stored("Moved", (await act(SWITCH)).switchTenant.accessToken), []);
  assert.deepEqual(await stored("Moved"), titles("Moved", 200));
});
