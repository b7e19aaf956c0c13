// What scenarios share: a browser that takes note of everything that a page must not do.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const { ADDRESS, CHROMIUM, SHOTS } = process.env;
export const address = ADDRESS;

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
process.stdin.unref?.(); // nobody waits for the test's end of it

export async function ask(what) {
  console.log(`ask: ${what}`);
  return (await lines.next()).value;
}

export async function act(query, variables = {}, token = process.env.OWNER_TOKEN) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  const answer = await fetch(`${address}/graphql`, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  const { data, errors } = await answer.json();
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

const DESKTOP = { viewport: { width: 1360, height: 860 } };
export const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

/**
 * Runs `work` in a browser of its own; in the end nothing must have gone wrong that a page does in silence. What is
 * wrong on purpose, `work` takes out of the faults.
 */
export async function scenario(work, options = {}) {
  // Chromium's own sandbox needs a user that is not root.
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: process.getuid() === 0 ? ["--no-sandbox"] : [] });
  const faults = [];
  try {
    const context = await openContext(browser, options, faults);
    const page = await context.newPage();
    await work(page, context, faults).catch(async (error) => {
      await shoot(page, "failed");
      console.log(faults.slice(0, 10).join("\n"));
      throw error;
    });
    await context.close();
  } finally {
    await browser.close();
  }
  assert.deepEqual(faults, []);
}

async function openContext(browser, options, faults) {
  const context = await browser.newContext({ ...DESKTOP, ...options });
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: address });
  await context.addInitScript(() =>
    document.addEventListener("securitypolicyviolation", (event) =>
      console.error("violates the policy:", event.violatedDirective, event.blockedURI, event.sample),
    ),
  );
  context.on("page", (page) => watch(page, faults));
  context.setDefaultTimeout(20_000);
  return context;
}

/** Opens a page for somebody else, who shares nothing with the first one; its faults count as well. */
export async function openForAnother(context, faults) {
  return (await openContext(context.browser(), {}, faults)).newPage();
}

function watch(page, faults) {
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  const isOwn = (url) => url.startsWith(address) || url.startsWith(address.replace("http", "ws")) || url.startsWith("data:");
  page.on("request", (request) => isOwn(request.url()) || faults.push(`outside: ${request.url()}`));
  page.on("websocket", (socket) => isOwn(socket.url()) || faults.push(`outside: ${socket.url()}`));
}

export async function shoot(page, name) {
  if (SHOTS) await page.screenshot({ path: `${SHOTS}/${name}.png` });
}

export async function openExplorer(page) {
  await page.goto(`${address}/explorer`);
  await page.locator(".graphiql-query-editor .view-lines").waitFor();
}

export async function logIn(page, { email = process.env.EMAIL, password = process.env.PASSWORD, tenant = "" } = {}) {
  await page.getByText("Log in", { exact: true }).first().click();
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByLabel("Tenant").fill(tenant);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.locator(".atrium-person").waitFor();
}

const QUERY_EDITOR = ".graphiql-query-editor";

/** Replaces what an editor holds by pasting: to what is typed the editor adds brackets of its own. */
export async function write(page, text, editor = QUERY_EDITOR) {
  const box = await page.locator(`${editor} .monaco-editor >> visible=true`).first().boundingBox();
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2); // Playwright's own click scrolls the editor
  await page.keyboard.press("ControlOrMeta+a");
  await page.evaluate((copied) => navigator.clipboard.writeText(copied), text);
  await page.keyboard.press("ControlOrMeta+v");
  const [, name] = /(?:query|mutation|subscription) (\w+)/.exec(text) ?? [];
  if (editor === QUERY_EDITOR) await page.locator(".graphiql-tab-active", { hasText: name ?? "<untitled>" }).waitFor();
}

export async function run(page) {
  await page.getByRole("button", { name: /^Execute query/ }).click();
}

/** Waits until the answer shows a text. Its editor renders a blank as a no-break space. */
export async function answers(page, text) {
  await page.locator(".graphiql-response .view-lines", { hasText: text }).waitFor();
}
