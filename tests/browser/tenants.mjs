// Somebody with two tenants: the switch, and what refuses a login.
import assert from "node:assert/strict";
import { answers, logIn, openExplorer, run, scenario, write } from "./support.mjs";

await scenario(async (page) => {
  await openExplorer(page);
  await page.getByText("Log in", { exact: true }).first().click();
  await page.getByLabel("E-mail").fill(process.env.EMAIL);
  await page.getByLabel("Password").fill("not it");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.locator(".atrium-bar [role=alert]").waitFor();
  await page.getByText("Log in", { exact: true }).first().click();

  await logIn(page, { tenant: "acme" });
  const tenants = page.locator(".atrium-session select");
  assert.equal(await tenants.inputValue(), "acme");
  await write(page, "{ tenant { slug } }");
  await run(page);
  await answers(page, '"acme"');

  await tenants.selectOption("globex");
  await page.waitForFunction(() => JSON.parse(sessionStorage.getItem("atrium-explorer-session")).tenant === "globex");
  await run(page);
  await answers(page, '"globex"');

  await page.reload();
  await page.locator(".atrium-person").waitFor();
  assert.equal(await tenants.inputValue(), "globex");
});

// A token, or an API key, that is typed in.
await scenario(async (page) => {
  await openExplorer(page);
  await page.getByText("Log in", { exact: true }).first().click();
  await page.getByLabel("Access token or API key").fill(process.env.API_KEY);
  await page.getByRole("button", { name: "Use it" }).click();
  await page.locator(".atrium-person", { hasText: "Token …" }).waitFor();
  await write(page, "{ tenant { slug } }");
  await run(page);
  await answers(page, '"acme"');
});
