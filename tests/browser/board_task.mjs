// One task in its dialog: edits, a conflict as a choice, comments as they are written, history, deletion.
import assert from "node:assert/strict";
import { inspect, openAs } from "./backoffice_support.mjs";
import { addTasks, card, shows, updateTask } from "./board_support.mjs";
import { act, address, scenario, shoot } from "./support.mjs";

const { MEMBER, MEMBER_TOKEN } = process.env;
await act('mutation { createLabel(input: { name: "Bug", color: RED }) { __typename } }');
const [id] = await addTasks("TODO", ["First"]);
await addTasks("TODO", ["Second"]);
const read = async () =>
  (await act("query($id: ID!) { task(id: $id) { title description status priority dueDate assignee { fullName } labels { nodes { name } } } }", { id })).task;

await scenario((page) =>
  scenario(async (other) => {
    await openAs(page, "/board");
    await card(page, "First").getByRole("button", { name: "First", exact: true }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Title").fill("First task");
    await dialog.getByLabel("Description").fill("Two lines\nof text");
    await dialog.getByLabel("Priority").selectOption("High");
    await dialog.getByLabel("Assignee").selectOption("Member");
    await dialog.getByLabel("Due").fill("2026-12-24T18:00");
    await dialog.getByLabel("Bug").check();
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByText("Saved.").waitFor();
    assert.deepEqual(await read(), {
      title: "First task",
      description: "Two lines\nof text",
      status: "TODO",
      priority: "HIGH",
      dueDate: new Date("2026-12-24T18:00").toISOString().replace(".000Z", ".000000Z"),
      assignee: { fullName: "Member" },
      labels: { nodes: [{ name: "Bug" }] },
    });

    // What another one changes shows at once while nothing is typed, and is a choice once something is.
    await openAs(other, `/board?task=${encodeURIComponent(id)}`, { email: MEMBER });
    const theirs = other.getByRole("dialog");
    await theirs.getByLabel("Title").fill("Their title");
    await theirs.getByRole("button", { name: "Save" }).click();
    await theirs.getByText("Saved.").waitFor();
    await page.waitForFunction(() => document.querySelector("dialog [name=title]").value === "Their title");
    await dialog.getByLabel("Title").fill("My title");
    await theirs.getByLabel("Title").fill("Their second title");
    await theirs.getByRole("button", { name: "Save" }).click();
    await dialog.getByText(/Somebody else has changed this task meanwhile; saving asks/).waitFor();
    assert.equal(await dialog.getByLabel("Title").inputValue(), "My title");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByRole("row", { name: "Title My title Their second title" }).waitFor();
    await inspect(page, "board-task-conflict");
    await page.emulateMedia({ colorScheme: "light" });
    await dialog.getByRole("button", { name: "Keep mine" }).click();
    await dialog.getByText("Saved.").waitFor();
    assert.equal((await read()).title, "My title");

    // Theirs may be taken as well.
    await dialog.getByLabel("Description").fill("Mine");
    await updateTask({ id, description: "Theirs" }, MEMBER_TOKEN);
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByRole("button", { name: "Take theirs" }).click();
    assert.equal(await dialog.getByLabel("Description").inputValue(), "Theirs");

    // Comments.
    await dialog.getByLabel("Write a comment").fill("Is it done?");
    await dialog.getByRole("button", { name: "Send" }).click();
    const question = theirs.locator(".comment", { hasText: "Is it done?" });
    await question.waitFor();
    assert.equal(await question.getByRole("button").count(), 0, "a member changes only their own");
    await theirs.getByLabel("Write a comment").fill("Not yet.");
    await theirs.getByRole("button", { name: "Send" }).click();
    const answer = dialog.locator(".comment", { hasText: "Not yet" });
    await answer.waitFor();
    await theirs.getByRole("button", { name: "Edit" }).click();
    await theirs.getByLabel("Comment", { exact: true }).fill("Not yet, tomorrow.");
    await theirs.locator(".comment").getByRole("button", { name: "Save" }).click();
    await answer.getByText("Not yet, tomorrow.").waitFor();
    await answer.getByText("edited").waitFor();
    await answer.getByRole("button", { name: "Delete" }).click();
    await answer.getByRole("button", { name: "Delete for good" }).click();
    await answer.waitFor({ state: "detached" });
    await theirs.locator(".comment", { hasText: "Not yet" }).waitFor({ state: "detached" });

    await dialog.getByText("History", { exact: true }).click();
    await dialog.getByText("created the task").waitFor();
    await inspect(page, "board-task");
    await page.emulateMedia({ colorScheme: "light" });

    // What is typed is not lost by closing.
    await dialog.getByLabel("Title").fill("Typed");
    await page.keyboard.press("Escape");
    await dialog.getByText("You have changes that are not saved.").waitFor();
    await dialog.getByRole("button", { name: "Go on editing" }).click();
    assert.equal(await dialog.getByLabel("Title").inputValue(), "Typed");
    await dialog.getByRole("button", { name: "Close" }).click();
    await dialog.getByRole("button", { name: "Discard the changes" }).click();
    await dialog.waitFor({ state: "detached" });

    // Deletion, with a question; whoever else has it open is told.
    await card(page, "My title").getByRole("button", { name: "My title", exact: true }).click();
    await dialog.getByRole("button", { name: "Delete …" }).click();
    await shoot(page, "board-task-delete");
    await dialog.getByRole("button", { name: "Delete for good" }).click();
    await shows(page, "TODO", ["Second"]);
    await theirs.getByText("This task does not exist any more.").waitFor();
    assert.equal(await read(), null);
    await page.goto(`${address}/app/board?task=${encodeURIComponent(id)}`);
    await dialog.getByText("This task does not exist any more.").waitFor();
  }),
);
