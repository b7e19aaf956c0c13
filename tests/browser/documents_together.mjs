// Documents that several people change at once, and answers that are lost.
import assert from "node:assert/strict";
import { loseAnswer, openAs } from "./backoffice_support.mjs";
import { act, scenario } from "./support.mjs";

const CREATE = `mutation($title: String!) { createDocument(input: { title: $title, content: "one two three" }) { ... on Document { id } } }`;
const UPDATE = `mutation($input: UpdateDocumentInput!) { updateDocument(input: $input) { __typename } }`;
const REMOVE = `mutation($id: ID!) { deleteDocument(input: { id: $id }) { __typename } }`;
const RESTORE = `mutation($id: ID!) { restoreDocument(input: { id: $id }) { __typename } }`;
const PURGE = `mutation($id: ID!) { purgeDocument(input: { id: $id }) { __typename } }`;

await scenario(async (page) => {
  const { id } = (await act(CREATE, { title: "Plan" })).createDocument;
  await openAs(page, `/documents/${encodeURIComponent(id)}`);
  const text = page.getByLabel("Text", { exact: true });
  await text.waitFor();

  // A change of somebody else comes by itself where nothing was typed.
  await act(UPDATE, { input: { id, content: "one two four" } });
  await page.waitForFunction(() => document.querySelector("textarea").value === "one two four");

  // Where something was typed, it stays, and saving is a choice between both.
  await text.fill("one two mine");
  await act(UPDATE, { input: { id, content: "one two theirs" } });
  await page.getByText("Somebody else has changed this document meanwhile").waitFor();
  assert.equal(await text.inputValue(), "one two mine");
  await page.getByRole("button", { name: "Save" }).click();
  const choice = page.getByRole("dialog");
  assert.equal(await choice.locator("del").textContent(), "removed: theirs");
  assert.equal(await choice.locator("ins").textContent(), "added: mine");
  await choice.getByRole("button", { name: "Keep mine" }).click();
  await page.getByText("Saved.").waitFor();
  assert.equal(await text.inputValue(), "one two mine");

  await text.fill("one two again");
  await act(UPDATE, { input: { id, content: "one two better" } });
  await page.getByText("Somebody else has changed this document meanwhile").waitFor();
  await page.getByRole("button", { name: "Save" }).click();
  await choice.getByRole("button", { name: "Take theirs" }).click();
  assert.equal(await text.inputValue(), "one two better");

  // Whoever looks something up and comes back finds what was typed, also after a reload, and can do without it.
  await text.fill("half a sentence");
  await page.getByRole("link", { name: "Board", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "Board" }).waitFor();
  await page.goBack();
  await page.waitForFunction(() => document.querySelector("textarea")?.value === "half a sentence");
  page.once("dialog", (dialog) => dialog.accept());
  await page.reload();
  await page.waitForFunction(() => document.querySelector("textarea")?.value === "half a sentence");
  await page.getByRole("button", { name: "Discard changes" }).click();
  assert.equal(await text.inputValue(), "one two better");

  // Gone meanwhile: what was typed is still there.
  await text.fill("too late");
  await act(REMOVE, { id });
  await act(PURGE, { id });
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("This does not exist any more.").waitFor();
  assert.equal(await text.inputValue(), "too late");
  await page.getByRole("button", { name: "Discard changes" }).click();
});

await scenario(async (page, _context, faults) => {
  const { id } = (await act(CREATE, { title: "Draft" })).createDocument;
  await act(REMOVE, { id });
  await openAs(page, "/documents/trash");
  await page.getByRole("button", { name: "Delete “Draft” for good" }).click();
  await act(RESTORE, { id });
  await page.getByRole("dialog").getByRole("button", { name: "Delete for good" }).click();
  await page.getByText("This is not possible any more").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await act(REMOVE, { id });
  await act(PURGE, { id });
  await page.getByRole("button", { name: "Restore “Draft”" }).click();
  await page.getByText("This does not exist any more.").waitFor();

  // An answer is lost on its way: sent once more, the document is not written twice.
  await page.getByRole("link", { name: "Documents" }).last().click();
  await page.getByRole("button", { name: "New document" }).click();
  const lost = await loseAnswer(page, "CreateDocument", faults);
  await page.getByRole("dialog").getByLabel("Title").fill("Once");
  await page.getByRole("button", { name: "Create" }).click();
  await lost();
  await page.getByRole("dialog").getByLabel("Title").fill("Twice");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByText("This was already sent with other contents.").waitFor();
  await page.getByRole("dialog").getByLabel("Title").fill("Once");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { level: 1, name: "Once" }).waitFor();
  assert.equal((await act(`{ documents(filter: { title: { eq: "Once" } }) { totalCount } }`)).documents.totalCount, 1);
});

// Who may only read is offered nothing else.
await scenario(async (page) => {
  await openAs(page, "/documents/trash", { email: process.env.MEMBER_EMAIL });
  assert.equal(await page.getByRole("button", { name: /for good/ }).count(), 0);
});
