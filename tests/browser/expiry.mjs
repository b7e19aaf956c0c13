// The login outlives its token: it is refreshed in good time, and once more when the role has changed.
import assert from "node:assert/strict";
import { answers, ask, logIn, openExplorer, run, scenario, write } from "./support.mjs";

const token = (page) => page.evaluate(() => JSON.parse(sessionStorage.getItem("atrium-explorer-session")).accessToken);
const WHO = "query Who { viewer { email } }";

await scenario(async (page) => {
  await page.clock.install();
  await openExplorer(page);
  await logIn(page);
  const first = await token(page);
  const refreshed = page.waitForRequest((request) => request.postData()?.includes("mutation Refresh"));
  await page.clock.fastForward("29:30");
  await refreshed;
  await page.waitForFunction((old) => !sessionStorage.getItem("atrium-explorer-session").includes(old), first);

  await write(page, WHO);
  await ask("other role");
  const second = await token(page);
  await run(page);
  await answers(page, process.env.EMAIL);
  assert.notEqual(await token(page), second);

  // The session is ended elsewhere: what was typed is still there.
  await ask("end session");
  await run(page);
  await page.getByText("Your session has ended").waitFor();
  await page.locator(".graphiql-query-editor", { hasText: "Who" }).waitFor();
});
