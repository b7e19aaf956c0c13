// The first page and the documents, light and dark, wide and on a phone; and what axe finds there and in the explorer.
import assert from "node:assert/strict";
import { AxeBuilder } from "@axe-core/playwright";
import { address, logIn, openExplorer, PHONE, run, scenario, shoot } from "./support.mjs";

async function violations(page, ...left) {
  const builder = new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]);
  for (const selector of left) builder.exclude(selector);
  const { violations: found } = await builder.analyze();
  return found.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
}

for (const [name, options] of Object.entries({
  light: { colorScheme: "light" },
  dark: { colorScheme: "dark" },
  phone: { ...PHONE, colorScheme: "light" },
})) {
  await scenario(async (page) => {
    await page.goto(address);
    await shoot(page, `start-${name}`);
    assert.deepEqual(await violations(page), []);
    for (const href of await page.locator("ul.ways a").evaluateAll((links) => links.map((link) => link.href))) {
      assert.equal((await page.request.get(href)).status(), 200, href);
    }
    await page.getByRole("link", { name: "Reference" }).click();
    await page.getByRole("link", { name: "Tasks", exact: true }).click();
    await page.getByRole("heading", { name: "Tasks", exact: true }).waitFor();
    await shoot(page, `reference-${name}`);
    assert.deepEqual(await violations(page), []);

    await openExplorer(page);
    await logIn(page);
    await run(page);
    await page.locator(".graphiql-response .view-lines", { hasText: "data" }).waitFor();
    await shoot(page, `explorer-${name}`);
    for (const panel of ["Examples", "Operation"]) {
      await page.getByRole("button", { name: `Show ${panel}` }).click();
      await page.getByRole("heading", { name: panel, exact: true }).waitFor();
      await shoot(page, `${panel.toLowerCase()}-${name}`);
      // GraphiQL's own parts are its authors'; the rest is ours.
      assert.deepEqual(await violations(page, ".graphiql-sessions", ".graphiql-sidebar"), []);
    }
    const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(inner <= outer, `the page is ${inner} wide on ${outer}`);
  }, options);
}
