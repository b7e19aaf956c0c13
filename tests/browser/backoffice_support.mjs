// What scenarios of the back office share.
import AxeBuilder from "@axe-core/playwright";
import assert from "node:assert/strict";
import { address, shoot } from "./support.mjs";

/** Opens a page of the back office as whoever is given; the login leads to the page's own address. */
export async function openAs(page, path, { email = process.env.EMAIL, password = process.env.PASSWORD } = {}) {
  await page.goto(`${address}/app${path}`);
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await page.locator(".shell main h1").waitFor();
}

/** Takes note of the operations that a page sends; each call of what it returns gives the names of the latest. */
export function watchOperations(page) {
  let names = [];
  page.on("request", (request) => {
    if (request.method() === "POST") names.push(JSON.parse(request.postData()).operationName);
  });
  return () => {
    const latest = names;
    names = [];
    return latest;
  };
}

/** Looks at a page as it is: axe finds nothing, in light and dark, and nothing is wider than a phone's screen. */
export async function inspect(page, name) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]).analyze();
    assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes[0].html]), [], `${name} in ${colorScheme}`);
    await shoot(page, `${name}-${colorScheme}`);
  }
  const size = page.viewportSize();
  await page.setViewportSize({ width: 390, height: 844 });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await shoot(page, `${name}-phone`);
  assert.equal(overflow, 0, `${name} is wider than a phone`);
  await page.setViewportSize(size);
}

/** Takes the next request with an operation. */
async function once(page, name, work) {
  let isDone = false;
  await page.route("**/graphql", async (route) => {
    const body = route.request().postData();
    if (isDone || !body || JSON.parse(body).operationName !== name) return route.fallback();
    isDone = true;
    await work(route);
  });
}

/** Lets the server answer an operation once, and loses the answer; returns the key that it was sent with. */
export async function loseAnswer(page, name, faults) {
  const { promise, resolve } = Promise.withResolvers();
  await once(page, name, async (route) => {
    await route.fetch();
    await route.abort("connectionreset");
    resolve(JSON.parse(route.request().postData()).variables.input.idempotencyKey);
  });
  return async () => {
    const key = await promise;
    await page.getByText("The server does not answer").waitFor();
    const index = faults.findIndex((fault) => /ERR_CONNECTION_RESET/.test(fault));
    assert.notEqual(index, -1, faults.join());
    faults.splice(index, 1);
    return key;
  };
}

/** Does something just before the server gets an operation: somebody else is faster. */
export async function beatTo(page, name, work) {
  await once(page, name, async (route) => {
    await work();
    await route.continue();
  });
}

/** Answers an operation once in place of the server. */
export async function answerWith(page, name, answer) {
  await once(page, name, async (route) => {
    await route.fulfill({ json: answer, contentType: "application/json" });
  });
}
