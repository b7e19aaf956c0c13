// What scenarios of the board share.
import assert from "node:assert/strict";
import { act } from "./support.mjs";

export const COLUMNS = { TODO: "To do", IN_PROGRESS: "In progress", DONE: "Done" };

/** Makes tasks of these titles in a column; gives their ids. */
export async function addTasks(status, titles, fields = {}) {
  const { createTasks } = await act(
    `mutation($input: CreateTasksInput!) {
      createTasks(input: $input) { ... on NewTaskOutcomes { failed outcomes { result { ... on Task { id } } } } }
    }`,
    { input: { tasks: titles.map((title) => ({ title, status, ...fields })) } },
  );
  assert.equal(createTasks.failed, 0);
  return createTasks.outcomes.map(({ result }) => result.id);
}

export async function updateTask(input, token) {
  const { updateTask: task } = await act(
    "mutation($input: UpdateTaskInput!) { updateTask(input: $input) { ... on Task { id version } ... on Error { message } } }",
    { input },
    token,
  );
  assert.ok(task.id, task.message);
}

export const column = (page, status) => page.locator(`[data-column="${status}"]`);
export const card = (page, title) => page.locator("[data-task]").filter({ has: page.getByRole("heading", { name: title, exact: true }) });
export const cardIn = (page, status, title) =>
  column(page, status).locator("[data-task]").filter({ has: page.getByRole("heading", { name: title, exact: true }) });

/** Waits until a column shows these cards, in this order. */
export async function shows(page, status, titles) {
  await page.waitForFunction(
    ([name, wanted]) => {
      const cards = document.querySelectorAll(`[data-column="${name}"] [data-task]`);
      const found = [...cards].map((each) => each.querySelector("h3").textContent);
      const isPending = [...cards].some((each) => each.getAttribute("aria-busy") === "true");
      return !isPending && JSON.stringify(found) === JSON.stringify(wanted);
    },
    [status, titles],
  );
}

/** The titles of a column as the server has them. */
export async function stored(status) {
  const { tasks } = await act(
    `query($status: TaskStatus!) { tasks(first: 100, filter: { status: { eq: $status } }, orderBy: { field: POSITION }) { nodes { title } } }`,
    { status },
  );
  return tasks.nodes.map(({ title }) => title);
}

/** Drags by mouse: the middle of one card to a place in the middle of a column, as high as another card's edge. */
export async function drag(page, title, to, edge = "bottom") {
  const [from, target] = await Promise.all([card(page, title).boundingBox(), to.boundingBox()]);
  await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
  await page.mouse.down();
  await page.mouse.move(from.x + from.width / 2 + 12, from.y + from.height / 2, { steps: 3 });
  const y = edge === "bottom" ? target.y + target.height : target.y;
  await page.mouse.move(target.x + target.width / 2, y, { steps: 12 });
}
