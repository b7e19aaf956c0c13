// The panel of the operation at hand: what it shows of the last answer, and snippets that do what they say.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { answers, logIn, openExplorer, run, scenario, shoot, write } from "./support.mjs";

const TOKEN = process.env.OWNER_TOKEN;
const QUERY = "# it's `quoted` ${twice}\nquery Slug { tenant { slug } }";

await scenario(async (page) => {
  await openExplorer(page);
  await logIn(page);
  await page.getByRole("button", { name: "Show Operation" }).click();
  const panel = page.locator(".atrium-panel");
  await write(page, QUERY);
  await run(page);
  await answers(page, "acme");
  for (const text of ["Slug", "200 in", "compiled to SQL", "points"]) await panel.getByText(text).first().waitFor();

  const snippet = async (title) => {
    const box = panel.locator("details", { has: page.locator("summary", { hasText: new RegExp(`^${title}`) }) });
    await box.locator("summary").click();
    await box.getByRole("button", { name: "Copy" }).click();
    await box.getByRole("button", { name: "Copy" }).getByText("Copied").waitFor();
    return page.evaluate(() => navigator.clipboard.readText());
  };
  assert.match(await snippet("SQL"), /SELECT .*atrium_enter/s);
  await shoot(page, "operation");

  const curl = await snippet("curl");
  const printed = execFileSync("sh", ["-c", curl], { env: { ...process.env, TOKEN }, stdio: ["ignore", "pipe", "ignore"] });
  assert.equal(JSON.parse(printed).data.tenant.slug, "acme");

  const call = await snippet("fetch");
  const data = await new Function("token", `return (async () => { ${call}\n return data; })()`)(TOKEN);
  assert.equal(data.tenant.slug, "acme");

  const document = await snippet("Document");
  const graphql = (text) => text;
  const exported = new Function("graphql", document.replace(/^import .*$/m, "").replace("export const SLUG =", "return"))(graphql);
  assert.equal(exported.trim().replace(/^ +/gm, ""), QUERY);

  // The reference is where the link leads.
  const [reference] = await Promise.all([page.waitForEvent("popup"), page.getByRole("link", { name: "Reference" }).click()]);
  await reference.getByRole("heading", { name: "Reference of the schema" }).waitFor();
  await reference.close();

  // The explorer writes an operation, click by click.
  await page.getByRole("button", { name: "Show GraphiQL Explorer" }).click();
  await write(page, " ");
  await page.locator(".docExplorerWrap, .graphiql-explorer-root").first().waitFor();
  await page.getByText("feedCursor", { exact: true }).first().click();
  await page.locator(".graphiql-query-editor .view-lines", { hasText: "feedCursor" }).waitFor();
  await shoot(page, "writes-operations");
});
