// The board by itself: one compiled request, its order, filters in the address, moves by every means, new tasks.
import assert from "node:assert/strict";
import { inspect, openAs, watchOperations } from "./backoffice_support.mjs";
import { addTasks, card, cardIn, column, drag, shows, stored } from "./board_support.mjs";
import { act, address, scenario, shoot } from "./support.mjs";

const MANY = Array.from({ length: 120 }, (_, index) => `Done ${index + 1}`);
const { createLabel } = await act('mutation { createLabel(input: { name: "Bug", color: RED }) { ... on Label { id } } }');
const { createProject } = await act('mutation { createProject(input: { name: "Apollo" }) { ... on Project { id } } }');
await addTasks("TODO", ["First", "Second", "Third"]);
await addTasks("TODO", ["Find Ärger"], { labelIds: [createLabel.id], projectId: createProject.id, priority: "URGENT", dueDate: "2020-01-02T12:00:00Z" });
await addTasks("DONE", MANY);

await scenario(async (page, context) => {
  const operations = watchOperations(page);
  const answer = page.waitForResponse((response) => response.request().postData()?.includes("BoardPage"));
  await openAs(page, "/board");
  await shows(page, "TODO", ["First", "Second", "Third", "Find Ärger"]);
  assert.deepEqual(operations().filter((name) => name !== undefined), ["BoardPage"], "the page is one request");
  assert.equal((await (await answer).json()).extensions.executor, "compiler", "and its query is compiled");
  await column(page, "DONE").getByRole("heading", { name: "Done : 120 tasks" }).waitFor();
  await column(page, "TODO").getByText("Overdue since Jan 2, 2020").waitFor();

  // More of a long column, until all is there.
  const more = column(page, "DONE").getByRole("button", { name: /^Show/ });
  await more.click();
  await card(page, "Done 100").waitFor();
  await more.click();
  await shows(page, "DONE", MANY);

  // Filters, in the address.
  await page.getByRole("combobox", { name: "Label", exact: true }).selectOption("Bug");
  await shows(page, "TODO", ["Find Ärger"]);
  await shows(page, "DONE", []);
  await page.getByLabel("Search").fill("ärg");
  await page.waitForURL(/q=/);
  await page.reload();
  await shows(page, "TODO", ["Find Ärger"]);
  assert.equal(await page.getByLabel("Search").inputValue(), "ärg");
  await page.getByRole("combobox", { name: "Project" }).selectOption("Apollo");
  await page.waitForURL(/project=/);
  await page.goBack();
  await page.waitForURL((url) => !url.search.includes("project"));
  await page.getByRole("button", { name: "Show all" }).click();
  await shows(page, "TODO", ["First", "Second", "Third", "Find Ärger"]);

  // By the mouse: within the column, and into one without cards.
  operations();
  await drag(page, "First", card(page, "Third"));
  await page.mouse.up();
  await shows(page, "TODO", ["Second", "Third", "First", "Find Ärger"]);
  assert.deepEqual(operations(), ["BoardMoveTask"]);
  await drag(page, "Third", column(page, "IN_PROGRESS").locator("ul"), "top");
  await shoot(page, "board-dragging");
  await page.mouse.up();
  await shows(page, "IN_PROGRESS", ["Third"]);
  assert.deepEqual(operations(), ["BoardUpdateTask"]);
  await drag(page, "First", cardIn(page, "IN_PROGRESS", "Third"), "top");
  await page.mouse.up();
  await shows(page, "IN_PROGRESS", ["First", "Third"]);

  // By the keyboard, which says where the card is.
  const said = page.locator("[aria-live=assertive]", { hasText: "“Second”" });
  const handle = page.getByRole("button", { name: "Drag Second" });
  await handle.focus();
  await page.keyboard.press("Space");
  await said.getByText("“Second” is picked up: place 1 of 2 in “To do”.").waitFor();
  await page.keyboard.press("ArrowRight");
  await said.getByText("“Second”: place 1 of 3 in “In progress”.").waitFor();
  await page.keyboard.press("ArrowDown");
  await said.getByText("“Second”: place 2 of 3 in “In progress”.").waitFor();
  await page.keyboard.press("Space");
  await shows(page, "IN_PROGRESS", ["First", "Second", "Third"]);
  await page.waitForFunction(() => document.activeElement?.closest("[data-task]")?.querySelector("h3").textContent === "Second");
  await page.keyboard.press("Space");
  await said.getByText("is picked up").waitFor();
  await page.keyboard.press("ArrowLeft");
  await said.getByText("in “To do”").waitFor();
  await page.keyboard.press("Escape");
  await said.getByText("“Second” is where it was.").waitFor();
  await shows(page, "IN_PROGRESS", ["First", "Second", "Third"]);

  // By the menu, with the keyboard alone.
  await page.getByRole("button", { name: "Move Third to …" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Move to the top" }).focus();
  await page.keyboard.press("Enter");
  await shows(page, "IN_PROGRESS", ["Third", "First", "Second"]);
  await page.getByRole("button", { name: "Move Third to …" }).click();
  await page.getByRole("button", { name: "Move to “Done”" }).click();
  await cardIn(page, "DONE", "Third").waitFor();
  await column(page, "DONE").getByRole("heading", { name: "Done : 121 tasks" }).waitFor();

  // A new task, in its column.
  await column(page, "IN_PROGRESS").getByRole("button", { name: /Add a task/ }).click();
  await page.getByLabel("Title of the new task").fill("Fourth");
  await page.keyboard.press("Enter");
  await shows(page, "IN_PROGRESS", ["First", "Second", "Fourth"]);
  await page.getByRole("button", { name: "Done", exact: true }).click();
  assert.deepEqual(await stored("IN_PROGRESS"), ["First", "Second", "Fourth"]);
  await inspect(page, "board");
  await page.emulateMedia({ colorScheme: "light" });

  // In German, and where the address names a task: still one request.
  await page.getByLabel("Language").selectOption("de");
  await page.getByRole("heading", { name: "In Arbeit" }).waitFor();
  await page.getByText("Überfällig seit 02.01.2020").waitFor();
  await card(page, "First").getByRole("button", { name: "First", exact: true }).click();
  await page.waitForURL(/task=/);
  const other = await context.newPage();
  const others = watchOperations(other);
  await other.goto(page.url());
  await other.locator(".task-form").waitFor();
  assert.deepEqual(others().filter((name) => name?.startsWith("Board")), ["BoardPage"]);
  assert.ok(other.url().startsWith(`${address}/app/board?task=Task`));
});
