// The main task: log in, run an operation, and find the login in every tab, after a reload, and nowhere it must not be.
import assert from "node:assert/strict";
import { answers, logIn, openExplorer, run, scenario, shoot, write } from "./support.mjs";

const { EMAIL, PASSWORD } = process.env;
const WHO = "query Who { viewer { email } }";

await scenario(async (page) => {
  await openExplorer(page);
  await shoot(page, "logged-out");
  await write(page, "{ tasks { totalCount } }");
  await run(page);
  await answers(page, "UNAUTHENTICATED");

  await logIn(page);
  await write(page, WHO);
  await run(page);
  await answers(page, EMAIL);
  await shoot(page, "logged-in");

  // A tab of its own, with no headers: the login goes along.
  await page.getByRole("button", { name: "New tab" }).click();
  await write(page, "query Again { viewer { email memberships { totalCount } } }");
  await run(page);
  await answers(page, "totalCount");

  // A header that is typed goes before it, and stays in the tab.
  await page.getByRole("button", { name: "Headers" }).click();
  await write(page, '{"Authorization": "Bearer typed-by-hand"}', ".graphiql-editor-tool");
  await run(page);
  await answers(page, "UNAUTHENTICATED");

  await page.waitForFunction(() => sessionStorage.getItem("graphiql:tabState")?.includes("typed-by-hand"));
  await page.reload();
  await page.locator(".atrium-person", { hasText: EMAIL }).waitFor();
  await page.locator(".graphiql-tab", { hasText: "Who" }).click();
  await page.locator(".graphiql-tab-active", { hasText: "Who" }).waitFor();
  await page.locator(".graphiql-query-editor .view-lines", { hasText: "Who" }).waitFor();
  await run(page);
  await answers(page, EMAIL);

  // Nothing that outlives the tab knows of any of it.
  assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), []);
  assert.equal(await page.evaluate(() => document.cookie), "");
  const kept = await page.evaluate(() => JSON.stringify({ ...sessionStorage }));
  assert.ok(!kept.includes(PASSWORD), "the password is kept");

  await page.getByRole("button", { name: "Show History" }).click();
  await page.locator(".graphiql-history", { hasText: "Again" }).waitFor();
  await shoot(page, "history");

  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByText("Log in", { exact: true }).first().waitFor();
  await run(page);
  await answers(page, '"viewer": null');
  assert.equal(await page.evaluate(() => sessionStorage.getItem("atrium-explorer-session")), null);
});
