// Export: everything of each kind, page after page, in both formats; what is in the files is what is stored.
import assert from "node:assert/strict";
import { inspect, openAs, watchOperations } from "./backoffice_support.mjs";
import { exportFile, exporting, hold, importing, readCsv, readJsonl, saved, says, storedOf } from "./exchange_support.mjs";
import { act, scenario } from "./support.mjs";

const { MEMBER_EMAIL } = process.env;
const COUNT = 105; // more than a page
const numbers = Array.from({ length: COUNT }, (_, index) => index + 1);

const LABEL = `mutation($name: String!) { createLabel(input: { name: $name, color: BLUE }) { ... on Label { id } } }`;
const PROJECT = `mutation { createProject(input: { name: "Apollo" }) { ... on Project { id } } }`;
const TASKS = `mutation($tasks: [NewTaskInput!]!) { createTasks(input: { tasks: $tasks }) { ... on NewTaskOutcomes { failed } } }`;
const PRODUCT = `mutation($input: CreateProductInput!) { createProduct(input: $input) { __typename } }`;
const ARTICLES = `mutation($articles: [ImportArticleInput!]!) { importArticles(input: { articles: $articles }) { ... on ArticleOutcomes { failed } } }`;

const labels = [];
for (const name of ["Big", "One, two"]) labels.push((await act(LABEL, { name })).createLabel.id);
const projectId = (await act(PROJECT)).createProject.id;
const [{ id: assigneeId }] = await storedOf("users", "id");
const full = { description: 'Two lines,\r\n"quoted"; Grüße', status: "DONE", priority: "HIGH", dueDate: "2026-03-01T09:30:00+01:00" };
const tasks = numbers.map((number) => ({ title: `Task ${number}`, ...(number === 2 && { ...full, labelIds: labels, projectId, assigneeId }) }));
assert.equal((await act(TASKS, { tasks })).createTasks.failed, 0);
for (const number of numbers) {
  const price = number === 1 ? { amount: "1990", currency: "JPY" } : { amount: "99999999.99", currency: "EUR" };
  await act(PRODUCT, { input: { sku: `P-${number}`, name: `Pot ${number}`, price, stockQuantity: number, isActive: number > 3 } });
}
const articles = numbers.map((number) => ({ title: `Article ${number}`, content: "Ein Satz,\nund noch einer.", language: "GERMAN", status: number > 3 ? "PUBLISHED" : "DRAFT" }));
assert.equal((await act(ARTICLES, { articles })).importArticles.failed, 0);

const TIMES = "createdAt updatedAt";
const expected = {
  tasks: (await storedOf("tasks", `id title description status priority labels { nodes { id name } } dueDate project { id name } assignee { id fullName } creator { fullName } ${TIMES}`)).map(
    ({ labels: { nodes }, project, assignee, creator, ...task }) => ({
      ...task,
      labelIds: nodes.map(({ id }) => id),
      labels: nodes.map(({ name }) => name),
      projectId: project?.id ?? null,
      project: project?.name ?? null,
      assigneeId: assignee?.id ?? null,
      assignee: assignee?.fullName ?? null,
      creator: creator.fullName,
    }),
  ),
  products: (await storedOf("products", `id sku name description price { amount currency } stockQuantity isActive ${TIMES}`)).map(
    ({ price, ...product }) => ({ ...product, priceAmount: price.amount, priceCurrency: price.currency }),
  ),
  articles: (await storedOf("articles", `id title content language status author { fullName } publishedAt ${TIMES}`)).map(
    ({ author, ...article }) => ({ ...article, author: author.fullName }),
  ),
  members: await storedOf("users", `id email fullName role isActive ${TIMES}`),
};
const cellOf = (value) => (value === null ? "" : Array.isArray(value) ? value.join(", ") : String(value));
const cellsOf = (row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, cellOf(value)]));

await scenario(async (page, _context, faults) => {
  const operations = watchOperations(page);
  await openAs(page, "/exchange");
  await exporting(page).waitFor();
  assert.deepEqual(operations().filter(Boolean), ["ExchangePage"]);
  await inspect(page, "exchange");
  for (const [kind, rows] of Object.entries(expected)) {
    assert.ok(rows.length > 100, kind);
    const csv = await exportFile(page, kind, "csv");
    assert.match(csv.name, new RegExp(`^${kind}-\\d{4}-\\d\\d-\\d\\d\\.csv$`));
    assert.ok(csv.text.startsWith("\ufeff"), "Excel reads it as UTF-8");
    assert.deepEqual(readCsv(csv.text), rows.map(cellsOf), kind);
    const jsonl = await exportFile(page, kind, "jsonl");
    assert.match(jsonl.name, /\.jsonl$/);
    assert.deepEqual(readJsonl(jsonl.text), rows, kind);
    assert.deepEqual(operations(), Array(4).fill(`Export${kind[0].toUpperCase()}${kind.slice(1)}`));
  }
  await says(exporting(page), `Members: ${expected.members.length} rows are in the file.`);
  await inspect(page, "exchange-exported");
  const again = await saved(page, () => exporting(page).getByRole("button", { name: /^Save members-.* again$/ }).press("Enter"));
  assert.deepEqual(readJsonl(again.text), expected.members);

  // Progress, and an end in the middle, by the keyboard: without a file, and with the focus where it was.
  const held = await hold(page, "ExportArticles", 2);
  await exporting(page).getByLabel("What to export").selectOption("articles");
  await exporting(page).getByRole("button", { name: "Export", exact: true }).press("Enter");
  await held.arrived;
  const progress = page.getByRole("progressbar", { name: "Exporting: Articles" });
  assert.deepEqual([await progress.getAttribute("value"), await progress.getAttribute("max")], ["100", String(COUNT)]);
  await exporting(page).getByText(`100 of ${COUNT}`, { exact: true }).waitFor();
  await inspect(page, "exchange-exporting");
  await exporting(page).getByRole("button", { name: "Cancel" }).press("Enter");
  await says(exporting(page), "It ends with the answer that is on its way.");
  held.release();
  const ending = `Cancelled after 100 of ${COUNT} rows; there is no file.`;
  await says(exporting(page), ending);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), ending);
  assert.equal(await exporting(page).getByRole("button", { name: /^Save/ }).count(), 0);

  // A page that is refused for now, and one whose answer is lost, are asked for again.
  let tries = 0;
  await page.route("**/graphql", async (route) => {
    if (route.request().postDataJSON().operationName !== "ExportTasks" || ++tries > 3) return route.fallback();
    if (tries === 1) return route.fulfill({ json: { data: null, errors: [{ message: "No.", extensions: { code: "RATE_LIMITED", retryAfter: 1 } }] } });
    return tries === 2 ? route.fallback() : route.abort("connectionreset");
  });
  const patient = await exportFile(page, "tasks", "jsonl");
  assert.deepEqual(readJsonl(patient.text), expected.tasks);
  assert.equal(tries, 4);
  assert.match(faults.splice(0).join(), /^console: [^,]*ERR_CONNECTION_RESET[^,]*$/);

  // What stays wrong ends it.
  await page.route("**/graphql", (route) => {
    if (route.request().postDataJSON().operationName !== "ExportProducts") return route.fallback();
    return route.fulfill({ json: { data: null, errors: [{ message: "No.", extensions: { code: "INTERNAL", requestId: "abc" } }] } });
  });
  await exporting(page).getByLabel("What to export").selectOption("products");
  await exporting(page).getByRole("button", { name: "Export", exact: true }).click();
  await exporting(page).getByRole("alert").getByText("Its log says more under abc.").waitFor();
  await says(exporting(page), "Stopped after 0 of 0 rows; there is no file.");
});

// A member exports what members see, and imports tasks alone.
await scenario(async (page) => {
  await openAs(page, "/exchange", { email: MEMBER_EMAIL });
  const choices = (section, label) => section.getByLabel(label).locator("option").allTextContents();
  assert.deepEqual(await choices(exporting(page), "What to export"), ["Tasks", "Products", "Articles", "Members"]);
  assert.deepEqual(await choices(importing(page), "What to import"), ["Tasks"]);
  const members = readJsonl((await exportFile(page, "members", "jsonl")).text);
  assert.equal(members.length, expected.members.length);
  assert.deepEqual(members.map(({ email }) => email).filter(Boolean), [MEMBER_EMAIL]);
  assert.equal(readJsonl((await exportFile(page, "articles", "jsonl")).text).length, COUNT - 3); // no drafts of others
});

// The menu stays in one row, in each language.
await scenario(async (page) => {
  await openAs(page, "/exchange");
  for (const [language, title] of [["de", "Import und Export"], ["en", "Import and export"]]) {
    await page.getByLabel(/^(Language|Sprache)/).selectOption(language);
    await page.getByRole("heading", { level: 1, name: title }).waitFor();
    const tops = await page.locator(".shell > header nav a, .shell > header .who > *").evaluateAll((items) =>
      items.map((item) => item.getBoundingClientRect()).map(({ top, height }) => Math.round((top + height / 2) / 10)),
    );
    await inspect(page, `exchange-${language}`);
    assert.equal(new Set(tops).size, 1, `${language}: ${tops}`);
  }
}, { viewport: { width: 1280, height: 860 } });
