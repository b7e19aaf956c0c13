// API keys: made, shown once, used and revoked.
import assert from "node:assert/strict";
import { inspect, openAs, watchOperations } from "./backoffice_support.mjs";
import { ADMIN_EMAIL, alert, close, dialog, giveRole, press, status } from "./members_support.mjs";
import { act, address, scenario } from "./support.mjs";

const CREATE = `mutation($name: String!) { createApiKey(input: { name: $name }) { ... on ApiKey { id } } }`;
const REVOKE = `mutation($id: ID!) { revokeApiKey(input: { id: $id }) { __typename } }`;
const NO_RIGHT = "You have no right to do this.";
const ids = {};

for (let number = 1; number <= 31; number++) {
  const name = `Import ${number}`;
  ids[name] = (await act(CREATE, { name })).createApiKey.id;
}

await scenario(async (page) => {
  const operations = watchOperations(page);
  await openAs(page, "/members/keys");
  await page.getByText("31 API keys").waitFor();
  assert.deepEqual(operations().slice(-1), ["ApiKeysPage"]);
  await press(page, "Load more");
  await page.getByRole("heading", { name: "Import 1", exact: true }).waitFor();
  assert.deepEqual(operations(), ["MoreApiKeys"]);
  await page.getByRole("searchbox").fill("import 3");
  await page.keyboard.press("Enter");
  await page.getByText("3 API keys").waitFor();
  await inspect(page, "keys");

  // A day that has passed is refused beside its field.
  await page.getByRole("button", { name: "New API key" }).press("Enter");
  await page.keyboard.type("Nightly import 3");
  await dialog(page).getByLabel("Last day").fill("2020-02-29");
  await page.keyboard.press("Enter");
  await dialog(page).getByText("This has passed already.").last().waitFor();
  assert.ok(await dialog(page).getByLabel("Last day").getAttribute("aria-invalid"));
  await inspect(page, "key-refused");
  await dialog(page).getByLabel("Last day").fill("2999-12-31");
  await dialog(page).getByLabel("Role").selectOption("ADMIN");
  await page.keyboard.press("Tab");
  await press(dialog(page), "Create");
  await dialog(page).getByText("Copy this token now").waitFor();
  await inspect(page, "key-made");
  await press(dialog(page), "Copy");
  await status(dialog(page), "Copied.");
  const token = await page.evaluate(() => navigator.clipboard.readText());
  await press(dialog(page), "Done");
  assert.equal((await act("{ tenant { slug } }", {}, token)).tenant.slug, "acme");
  await page.getByText("4 API keys").waitFor();
  assert.ok(!(await page.content()).includes(token));
  const [{ expiresAt }] = (await act(`{ apiKeys(first: 1) { nodes { expiresAt } } }`)).apiKeys.nodes;
  const end = await page.evaluate(() => new Date(3000, 0, 1).toISOString()); // where the reader is
  assert.equal(Date.parse(expiresAt), Date.parse(end));

  await page.reload();
  await press(page, "Revoke: Nightly import 3");
  await press(dialog(page), "Cancel");
  await press(page, "Revoke: Nightly import 3");
  await press(dialog(page), "Revoke");
  await status(page, "The API key “Nightly import 3” is revoked.");
  const answer = await fetch(`${address}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: "{ tenant { slug } }" }),
  });
  assert.equal((await answer.json()).errors[0].extensions.code, "UNAUTHENTICATED");

  await press(page, "Revoke: Import 30");
  await act(REVOKE, { id: ids["Import 30"] });
  await press(dialog(page), "Revoke");
  await alert(dialog(page), "This API key is revoked already.");
  await close(page);
  await page.getByText("2 API keys").waitFor();
}, { timezoneId: "America/New_York" });

// Whoever is no admin any more makes no keys, and sees their own.
await scenario(async (page) => {
  await openAs(page, "/members/keys", { email: ADMIN_EMAIL });
  await press(page, "Revoke: Import 29");
  await giveRole(process.env.ADMIN, "MEMBER");
  await press(dialog(page), "Revoke");
  await alert(dialog(page), NO_RIGHT);
  await giveRole(process.env.ADMIN, "ADMIN");
  await page.reload();
  await press(page, "New API key");
  await dialog(page).getByLabel("Name").fill("Late");
  await giveRole(process.env.ADMIN, "MEMBER");
  await press(dialog(page), "Create");
  await alert(dialog(page), NO_RIGHT);
  assert.equal(await dialog(page).getByLabel("Name").inputValue(), "Late");
  await page.reload();
  await page.getByText("0 API keys").waitFor();
  assert.equal(await page.getByRole("button", { name: "New API key" }).count(), 0);
});
