// Two people at once: moves, new tasks, edits and deletions of one appear to the other, who is told; conflicts are a choice.
import assert from "node:assert/strict";
import { openAs } from "./backoffice_support.mjs";
import { addTasks, card, cardIn, drag, shows, stored, updateTask } from "./board_support.mjs";
import { act, scenario, shoot } from "./support.mjs";

const { MEMBER, MEMBER_TOKEN } = process.env;
const [first, second] = await addTasks("TODO", ["First", "Second", "Third"]);

await scenario((page) =>
  scenario(async (other) => {
    await openAs(page, "/board");
    await openAs(other, "/board", { email: MEMBER });
    await shows(page, "TODO", ["First", "Second", "Third"]);
    await shows(other, "TODO", ["First", "Second", "Third"]);
    const news = page.locator(".news[role=status]");

    await other.getByRole("button", { name: "Move Second to …" }).click();
    await other.getByRole("button", { name: "Move to “In progress”" }).click();
    await shows(page, "IN_PROGRESS", ["Second"]);
    await news.getByText("Member moved “Second” to “In progress”.").waitFor();
    await shoot(page, "board-live");
    await other.getByRole("button", { name: "Move Third to …" }).click();
    await other.getByRole("button", { name: "Move up" }).click();
    await shows(page, "TODO", ["Third", "First"]);
    await news.getByText("Member moved “Third” within its column.").waitFor();

    // A card in somebody's hand is not pulled away; what was changed meanwhile is a choice.
    await drag(page, "First", card(page, "Second"));
    await shows(page, "IN_PROGRESS", ["Second", "First"]);
    await updateTask({ id: first, title: "First of all", status: "DONE" }, MEMBER_TOKEN);
    await news.getByText("Member moved “First of all” to “Done”.").waitFor();
    await shows(page, "IN_PROGRESS", ["Second", "First of all"]);
    await page.mouse.up();
    const choice = page.getByRole("group", { name: /was changed by somebody else/ });
    await choice.getByRole("row", { name: "Status In progress Done" }).waitFor();
    await choice.getByRole("row", { name: "Title as before: First First of all" }).waitFor();
    await shows(page, "DONE", ["First of all"]);
    await shoot(page, "board-conflict");
    await choice.getByRole("button", { name: "Move to “In progress” all the same" }).click();
    await shows(page, "IN_PROGRESS", ["Second", "First of all"]);
    await shows(other, "IN_PROGRESS", ["Second", "First of all"]);
    await choice.waitFor({ state: "detached" });

    // The same, and theirs is taken.
    await drag(page, "First of all", card(page, "Third"), "top");
    await updateTask({ id: first, priority: "HIGH" }, MEMBER_TOKEN);
    await news.getByText("Member changed “First of all”.").waitFor();
    await page.mouse.up();
    await choice.getByRole("row", { name: "Priority as before: None High" }).waitFor();
    await choice.getByRole("button", { name: "Take theirs" }).click();
    await shows(page, "IN_PROGRESS", ["Second", "First of all"]);

    // What is deleted while it is dragged goes once it is put down, and it is said why.
    await drag(page, "Second", card(page, "Third"), "top");
    await act("mutation($id: ID!) { deleteTask(input: { id: $id }) { __typename } }", { id: second }, MEMBER_TOKEN);
    await news.getByText("Member deleted “Second”.").waitFor();
    await card(page, "Second").waitFor();
    await page.mouse.up();
    await page.getByRole("alert").getByText("This does not exist any more.").waitFor();
    await card(page, "Second").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Got it" }).click();

    // New ones come, and only where the filters let them.
    await page.getByLabel("Search").fill("wanted");
    await shows(page, "TODO", []);
    await other.locator("[data-column=TODO]").getByRole("button", { name: /Add a task/ }).click();
    for (const title of ["Unwanted is wanted", "Other"]) {
      await other.getByLabel("Title of the new task").fill(title);
      await other.keyboard.press("Enter");
      await cardIn(other, "TODO", title).waitFor();
    }
    await news.getByText("Member added “Other”.").waitFor();
    await shows(page, "TODO", ["Unwanted is wanted"]);
    assert.deepEqual(await stored("TODO"), ["Third", "Unwanted is wanted", "Other"]);
  }),
);
