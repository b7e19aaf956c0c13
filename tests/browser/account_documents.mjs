// A server that runs trusted documents alone: all goes by hashes, and nothing is refused.
import assert from "node:assert/strict";
import { fill, inShell, logInAs, press, EMAIL } from "./account_support.mjs";
import { address, scenario } from "./support.mjs";

await scenario(async (page) => {
  const sent = [];
  const answered = [];
  page.on("response", (response) => {
    if (!response.url().endsWith("/graphql")) return;
    sent.push(JSON.parse(response.request().postData()));
    answered.push(response.json());
  });
  await page.goto(`${address}/app/account`);
  await logInAs(page, EMAIL);
  const name = page.getByRole("region", { name: "Name", exact: true });
  await name.getByLabel("Name").fill("By hashes");
  await press(page, "Save");
  await name.getByRole("status").getByText("Saved.").waitFor();
  await page.getByRole("link", { name: "Atrium" }).click();
  await page.getByText("Welcome, By hashes.").waitFor();
  await press(page, "Log out");
  await page.getByRole("link", { name: "Forgotten your password?" }).click();
  await fill(page, { "E-mail address": EMAIL });
  await press(page, "Send the link");
  await page.getByText("a link is on its way").waitFor();
  assert.ok(sent.length >= 5, `${sent.length} operations`);
  for (const { query, documentId, extensions } of sent) {
    assert.ok(!query, query);
    assert.match(documentId ?? extensions.persistedQuery.sha256Hash, /^sha256:[0-9a-f]{64}$/);
  }
  for (const { errors } of await Promise.all(answered)) assert.equal(errors, undefined);
});
