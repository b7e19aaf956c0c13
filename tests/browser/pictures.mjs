// The pictures of the README. `node pictures.mjs NAME…` makes these; it fails where a page is not what it was.
import assert from "node:assert/strict";
import { address, answers, openExplorer, run, scenario, write } from "./support.mjs";

const { PICTURES, QUERY } = process.env;
const DEMO_LOGIN = "Acme owner";

async function enterBackOffice(page, path) {
  await page.goto(`${address}/app${path}`);
  await page.getByRole("button", { name: DEMO_LOGIN }).click();
  await page.locator(".shell main h1").waitFor();
}

const MAKERS = {
  async explorer(page) {
    await openExplorer(page);
    await page.getByRole("button", { name: DEMO_LOGIN }).click();
    await page.locator(".atrium-person").waitFor();
    await write(page, QUERY);
    await page.getByRole("button", { name: /^Prettify/ }).click(); // so that no line is cut off
    await run(page);
    await answers(page, "totalCount");
    await page.getByRole("button", { name: "Show Operation" }).click();
    const panel = page.locator(".atrium-panel");
    await panel.getByText("compiled to SQL").waitFor();
    const first = await panel.locator("dl").innerText();
    await run(page); // the first time a document is planned as well
    await panel.locator("dl").filter({ hasNotText: first }).waitFor();
  },

  async board(page) {
    await enterBackOffice(page, "/board");
    for (const status of ["TODO", "IN_PROGRESS", "DONE"]) {
      await page.locator(`[data-column=${status}] .cards > li`).nth(1).waitFor();
    }
  },

  async order(page) {
    await enterBackOffice(page, `/orders/${process.env.ORDER}`);
    const timeline = page.locator(".timeline");
    assert.ok((await timeline.getByRole("listitem").count()) > 3, "the order has hardly any past");
    await timeline.getByRole("slider").press("ArrowLeft");
    await timeline.getByRole("status").getByText(/as it was/).waitFor();
    await page.locator(".order [aria-busy=true]").waitFor({ state: "detached" });
  },
};

for (const name of process.argv.slice(2)) {
  await scenario(async (page) => {
    await MAKERS[name](page);
    await page.waitForLoadState("networkidle");
    const problems = page.locator(".atrium-bar [role=alert], .shell [role=alert]").filter({ hasText: /\S/ });
    assert.deepEqual(await problems.allInnerTexts(), []);
    await page.mouse.move(0, 0);
    await page.screenshot({ path: `${PICTURES}/${name}.png`, animations: "disabled", caret: "hide" });
  }, { viewport: { width: 1280, height: 760 }, colorScheme: "light", reducedMotion: "reduce", locale: "en-GB", timezoneId: "Europe/Berlin" });
}
