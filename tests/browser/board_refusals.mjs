// What refuses a change: each code is said in words, the card goes back, and nothing that was typed is lost.
import assert from "node:assert/strict";
import { openAs } from "./backoffice_support.mjs";
import { addTasks, card, column, shows, updateTask } from "./board_support.mjs";
import { act, scenario, shoot } from "./support.mjs";

const WORDS = {
  NOT_FOUND: "This does not exist any more.",
  BAD_USER_INPUT: "Some of it is not right yet.",
  IDEMPOTENCY_CONFLICT: "This was already sent with other contents.",
};
const TYPES = { NOT_FOUND: "NotFound", BAD_USER_INPUT: "InvalidInput", IDEMPOTENCY_CONFLICT: "IdempotencyConflict" };
const [first] = await addTasks("TODO", ["First", "Second"]);
await addTasks("IN_PROGRESS", ["Third"]);
await act("mutation($id: ID!) { createComment(input: { taskId: $id, body: \"Said\" }) { __typename } }", { id: first });

await scenario(async (page, context) => {
  /** The next answer to an operation is this refusal, as the server writes it. */
  const refuse = async (operation, field, code) => {
    const answer = { __typename: TYPES[code], code, message: "In English." };
    if (code === "BAD_USER_INPUT") answer.fields = [{ __typename: "FieldProblem", path: "title", message: "This field says why." }];
    await page.route(
      "**/graphql",
      (route) =>
        route.request().postDataJSON()?.operationName === operation
          ? route.fulfill({ json: { data: { [field]: answer } }, contentType: "application/graphql-response+json" })
          : route.fallback(),
    );
  };
  const accept = () => page.unroute("**/graphql");
  await openAs(page, "/board");
  await shows(page, "TODO", ["First", "Second"]);
  const alert = page.getByRole("alert");

  // Moves.
  const moveFirst = async (name) => {
    await page.getByRole("button", { name: "Move First to …" }).click();
    await page.getByRole("button", { name }).click();
  };
  for (const code of ["NOT_FOUND", "BAD_USER_INPUT"]) {
    for (const [operation, field, target] of [
      ["BoardMoveTask", "moveTask", "Move to “In progress”"],
      ["BoardUpdateTask", "updateTask", "Move to “Done”"],
    ]) {
      await refuse(operation, field, code);
      await moveFirst(target);
      await alert.getByText(`“First” is back in “To do”. ${WORDS[code]}`).waitFor();
      await shows(page, "TODO", ["First", "Second"]);
      await accept();
      await page.getByRole("button", { name: "Got it" }).click();
    }
  }

  // Without a network a move is refused at once, and works again afterwards.
  await context.setOffline(true);
  await page.getByText("There is no network.").waitFor();
  await moveFirst("Move to “In progress”");
  await alert.getByText("“First” is back in “To do”. The server does not answer.").waitFor();
  await shoot(page, "board-offline");
  await shows(page, "TODO", ["First", "Second"]);
  await context.setOffline(false);
  await moveFirst("Move to “In progress”");
  await shows(page, "IN_PROGRESS", ["First", "Third"]);
  await updateTask({ id: first, status: "TODO" }); // its change comes after a lost connection, too
  await shows(page, "TODO", ["Second", "First"]);

  // A new task.
  await column(page, "TODO").getByRole("button", { name: /Add a task/ }).click();
  const title = page.getByLabel("Title of the new task");
  await title.fill("Kept");
  for (const code of ["NOT_FOUND", "BAD_USER_INPUT", "IDEMPOTENCY_CONFLICT"]) {
    await refuse("BoardCreateTask", "createTask", code);
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await alert.getByText(WORDS[code]).waitFor();
    assert.equal(await title.inputValue(), "Kept");
    await accept();
  }
  await page.getByRole("button", { name: "Done", exact: true }).click();

  // The form of a task, its deletion, and comments.
  await card(page, "First").getByRole("button", { name: "First", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Title").fill("Kept");
  for (const code of ["NOT_FOUND", "BAD_USER_INPUT"]) {
    await refuse("BoardUpdateTask", "updateTask", code);
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByRole("alert").getByText(WORDS[code]).waitFor();
    if (code === "BAD_USER_INPUT") await dialog.locator("small.wrong", { hasText: "This field says why." }).waitFor();
    assert.equal(await dialog.getByLabel("Title").inputValue(), "Kept");
    await accept();
  }
  const comments = dialog.locator(".comments");
  await comments.getByLabel("Write a comment").fill("Kept as well");
  for (const code of ["NOT_FOUND", "BAD_USER_INPUT", "IDEMPOTENCY_CONFLICT"]) {
    await refuse("BoardCreateComment", "createComment", code);
    await comments.getByRole("button", { name: "Send" }).click();
    await comments.getByRole("alert").getByText(WORDS[code]).waitFor();
    assert.equal(await comments.getByLabel("Write a comment").inputValue(), "Kept as well");
    await accept();
  }
  await comments.getByRole("button", { name: "Edit" }).click();
  await comments.getByLabel("Comment", { exact: true }).fill("Mine");
  for (const code of ["NOT_FOUND", "BAD_USER_INPUT"]) {
    await refuse("BoardUpdateComment", "updateComment", code);
    await comments.locator("li").getByRole("button", { name: "Save" }).click();
    await comments.locator("li").getByText(WORDS[code]).waitFor();
    await accept();
  }
  const { comments: found } = await act("{ comments(first: 1) { nodes { id } } }");
  await act("mutation($id: ID!) { updateComment(input: { id: $id, body: \"Theirs\" }) { __typename } }", { id: found.nodes[0].id });
  await comments.locator("li").getByRole("button", { name: "Save" }).click();
  await comments.getByRole("row", { name: "Comment Mine Theirs" }).waitFor();
  await comments.getByRole("button", { name: "Keep mine" }).click();
  await comments.locator(".body", { hasText: "Mine" }).waitFor();
  await refuse("BoardDeleteComment", "deleteComment", "NOT_FOUND");
  await comments.getByRole("button", { name: "Delete" }).click();
  await comments.getByRole("button", { name: "Delete for good" }).click();
  await comments.locator("li").getByText(WORDS.NOT_FOUND).waitFor();
  await accept();
  await refuse("BoardDeleteTask", "deleteTask", "NOT_FOUND");
  await dialog.getByRole("button", { name: "Delete …" }).click();
  await dialog.locator(".actions").getByRole("button", { name: "Delete for good" }).click();
  await dialog.locator(".actions").getByText(WORDS.NOT_FOUND).waitFor();
});
