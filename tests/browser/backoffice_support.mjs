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
