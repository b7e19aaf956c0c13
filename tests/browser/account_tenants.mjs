// Somebody with two tenants: the choice after a login, and tabs that each stay in their own.
import assert from "node:assert/strict";
import { inspect, watchOperations } from "./backoffice_support.mjs";
import { assertTenant, EMAIL, inShell, logInAs } from "./account_support.mjs";
import { address, scenario } from "./support.mjs";

async function enterTenant(page, slug) {
  await page.getByLabel("Tenant").selectOption(slug);
  await page.waitForFunction((wanted) => JSON.parse(sessionStorage.getItem("atrium-app-session")).tenant === wanted, slug);
  await assertTenant(page, slug);
}

const pathOf = (page) => page.evaluate(() => location.pathname + location.search);

await scenario(async (page, context) => {
  await page.clock.install();
  const operations = watchOperations(page);
  await page.goto(`${address}/app/somewhere?in=it`);
  await logInAs(page, EMAIL);
  await page.getByRole("heading", { name: "Choose a tenant" }).waitFor();
  await page.getByRole("button", { name: "Acme owner" }).waitFor();
  assert.deepEqual(operations().filter(Boolean), ["TenantsPage"]);
  await inspect(page, "tenants");
  await page.getByRole("link", { name: "Your account" }).click();
  await inShell(page);
  await page.goBack();

  // It leads to where the login was asked for.
  await page.getByRole("button", { name: "Acme owner" }).press("Enter");
  await page.getByRole("heading", { name: "This page does not exist" }).waitFor();
  assert.equal(await pathOf(page), "/app/somewhere?in=it");
  await page.getByRole("link", { name: "To the overview" }).click();
  await assertTenant(page, "acme");

  // Another tab goes elsewhere, and this one stays, also when both are reloaded and refreshed.
  const tab = await context.newPage();
  await tab.goto(`${address}/app/`);
  await inShell(tab);
  await enterTenant(tab, "globex");
  for (const [each, slug] of [[page, "acme"], [tab, "globex"]]) {
    await each.reload();
    await assertTenant(each, slug);
  }
  const before = await Promise.all([page, tab].map((each) => each.evaluate(() => sessionStorage.getItem("atrium-app-session"))));
  await page.clock.fastForward("29:30");
  for (const [index, [each, slug]] of [[page, "acme"], [tab, "globex"]].entries()) {
    await each.waitForFunction((old) => sessionStorage.getItem("atrium-app-session") !== old, before[index]);
    await each.reload();
    await assertTenant(each, slug);
  }

  // No open redirect.
  await page.goto(`${address}/app/tenants?to=//example.com`);
  await page.getByRole("button", { name: "Globex member" }).click();
  await inShell(page);
  assert.equal(await pathOf(page), "/app/");

  // What was typed in one tenant is nothing in the other, and still there in its own.
  const title = page.getByLabel("Title");
  const write = () => page.goto(`${address}/app/articles/new`);
  await write();
  await title.fill("Half a title");
  await enterTenant(page, "acme");
  await write();
  assert.equal(await title.inputValue(), "");
  await enterTenant(page, "globex");
  await write();
  assert.equal(await title.inputValue(), "Half a title");
});
