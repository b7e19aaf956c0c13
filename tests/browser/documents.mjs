// Documents: written, changed, found, reverted, deleted, restored and purged, by mouse and by keyboard.
import assert from "node:assert/strict";
import { inspect, openAs, watchOperations } from "./backoffice_support.mjs";
import { act, scenario } from "./support.mjs";

const CREATE = `mutation($title: String!) { createDocument(input: { title: $title }) { ... on Document { id } ... on Error { code } } }`;

for (let number = 1; number <= 34; number++) await act(CREATE, { title: `Report ${number}` });

await scenario(async (page) => {
  const operations = watchOperations(page);
  await openAs(page, "/documents");
  await page.getByText("34 documents").waitFor();
  assert.deepEqual(operations().slice(-1), ["DocumentsPage"]);
  assert.equal(await page.locator("tbody tr[data-document]").count(), 30);
  await page.getByRole("button", { name: "Load more" }).click();
  await page.getByRole("link", { name: "Report 1", exact: true }).waitFor();
  assert.deepEqual(operations(), ["DocumentsPage"]);
  await inspect(page, "documents");

  await page.getByRole("searchbox", { name: "Search titles" }).fill("report 3");
  await page.keyboard.press("Enter");
  await page.getByText("6 documents").waitFor();
  await page.reload();
  await page.getByText("6 documents").waitFor();
  assert.deepEqual(operations().filter(Boolean).slice(-1), ["DocumentsPage"]);

  // Written by the keyboard alone.
  await page.getByRole("button", { name: "New document" }).press("Enter");
  await page.keyboard.type("report 34");
  await page.keyboard.press("Enter");
  await page.getByText("This is already in use.").waitFor();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("Minutes");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Minutes" }).waitFor();
  await page.getByLabel("Text", { exact: true }).fill("We met on Monday.\nNobody was late.");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  await page.getByLabel("Title").fill("Report 34");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("This is already in use.").waitFor();
  assert.equal(await page.getByLabel("Title").inputValue(), "Report 34");
  await page.getByLabel("Title").fill(" ");
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator(".field .wrong").waitFor();
  await page.getByRole("button", { name: "Discard changes" }).click();
  assert.equal(await page.getByLabel("Title").inputValue(), "Minutes");
  await page.getByLabel("Text", { exact: true }).fill("We met on Tuesday.\nNobody was late.");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  await inspect(page, "document");

  await page.getByRole("tab", { name: "History" }).click();
  await page.locator(".history > li").nth(2).waitFor();
  const latest = page.locator(".history > li").first();
  assert.equal(await latest.locator("del").textContent(), "removed: Monday");
  assert.equal(await latest.locator("ins").textContent(), "added: Tuesday");
  await inspect(page, "document-history");
  await page.getByRole("button", { name: /^Revert to the state of/ }).first().click();
  await page.getByRole("heading", { name: "Reverted" }).waitFor();
  await page.getByRole("tab", { name: "Text" }).click();
  assert.equal(await page.getByLabel("Text", { exact: true }).inputValue(), "We met on Monday.\nNobody was late.");

  await page.getByRole("button", { name: "Move to the trash" }).click();
  await page.getByRole("heading", { level: 1, name: "Trash" }).waitFor();
  await page.getByRole("heading", { level: 2, name: "Minutes" }).waitFor();
  await inspect(page, "documents-trash");

  // Another one has its title by now.
  const { createDocument: other } = await act(CREATE, { title: "Minutes" });
  await page.getByRole("button", { name: "Restore “Minutes”" }).click();
  await page.getByText("This is already in use.").waitFor();
  await act(`mutation($id: ID!) { deleteDocument(input: { id: $id }) { __typename } }`, { id: other.id });
  await act(`mutation($id: ID!) { purgeDocument(input: { id: $id }) { __typename } }`, { id: other.id });
  await page.getByRole("button", { name: "Restore “Minutes”" }).click();
  await page.getByText("0 documents").waitFor();

  // Deleted for good, after a question.
  await page.getByRole("link", { name: "Documents" }).last().click();
  await page.getByRole("link", { name: "Minutes" }).click();
  await page.getByRole("button", { name: "Move to the trash" }).click();
  await page.getByRole("button", { name: "Delete “Minutes” for good" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Delete “Minutes” for good" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete for good" }).click();
  await page.getByText("0 documents").waitFor();
});
