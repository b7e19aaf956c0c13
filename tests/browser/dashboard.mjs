// The overview: what it shows is what the API says, as charts and as tables, for an owner, a member and an empty tenant.
import assert from "node:assert/strict";
import { inspect, openAs, watchOperations } from "./backoffice_support.mjs";
import { act, scenario } from "./support.mjs";

const { ZONE, MEMBER_EMAIL, OTHER_EMAIL } = process.env;
const LIVE = "not: { status: { eq: CANCELLED } }";
const STATS = `query($since: DateTime!, $zone: String!) {
  days: orderStats(filter: { createdAt: { gte: $since }, ${LIVE} }, by: DAY, timeZone: $zone) {
    groups { period count sum { amount currency } }
  }
  taskStats(groupBy: [STATUS]) { groups { key { status } count } }
}`;
const DAY_MILLISECONDS = 86_400_000;

/** The rows of a chart's table, which is there whether it can be seen or not. */
const tableOf = (page, name) =>
  page.locator(`[data-chart=${name}] tbody tr`).evaluateAll((rows) => rows.map((row) => [row.dataset.row, row.cells[1].textContent]));

const listOf = (page, title) => page.getByRole("region", { name: title }).locator("li").allInnerTexts();

await scenario(
  async (page) => {
    const operations = watchOperations(page);
    const answered = page.waitForResponse((response) => response.request().postData()?.includes("HomePage"));
    await openAs(page, "/");
    const orders = page.locator("[data-chart=orders]");
    const revenue = page.locator("[data-chart=revenue]");
    await orders.getByText("5 orders").waitFor();
    assert.equal(operations().filter((name) => name === "HomePage").length, 1);
    const answer = await answered;
    assert.deepEqual((await answer.json()).extensions, { executor: "compiler" }); // nothing of it is left to the other
    const { since, timeZone } = JSON.parse(answer.request().postData()).variables;
    assert.equal(timeZone, ZONE);

    // Each day's figures are those of the API, and the days are the reader's.
    const { days, taskStats } = await act(STATS, { since, zone: ZONE });
    const shown = await tableOf(page, "orders");
    assert.equal(shown.length, 30);
    const counts = {};
    for (const { period, count } of days.groups) counts[period] = (counts[period] ?? 0) + count;
    assert.deepEqual(Object.fromEntries(shown.filter(([, count]) => count !== "0")), Object.fromEntries(Object.entries(counts).map(([day, count]) => [day, String(count)])));
    const [first, tenth] = [shown.at(-1), shown[10]];
    assert.deepEqual([first[1], tenth[1], shown[9][1], shown[11][1]], ["1", "4", "0", "0"]);
    assert.equal((Date.parse(shown[0][0]) - Date.parse(first[0])) / DAY_MILLISECONDS, 29);
    const euros = days.groups.filter(({ sum }) => sum.currency === "EUR").map(({ period, sum }) => [period, Number(sum.amount)]);
    const inEuros = (await tableOf(page, "revenue")).map(([day, text]) => [day, Number(text.replaceAll(/[€,]/g, ""))]);
    assert.deepEqual(inEuros.filter(([, amount]) => amount > 0).reverse(), euros);
    assert.equal(Object.fromEntries(await tableOf(page, "revenue"))[tenth[0]], "€10,000,000,000.29"); // to the last cent
    assert.equal(await revenue.locator(".figure").textContent(), "€10,000,000,020.19");

    // What is drawn is what is there, and says so to whoever points at it.
    const heights = await orders.locator(".bar").evaluateAll((bars) => bars.map((bar) => Number(bar.getAttribute("height"))));
    assert.deepEqual(heights.filter(Boolean).map((height) => height / heights[0]), [1, 4]);
    assert.match(await orders.locator("title").nth(19).textContent(), /: 4$/);
    await page.getByRole("img", { name: "Orders by day", description: /Most on .*: 4\. Today: 0\.$/ }).waitFor();

    const statuses = Object.fromEntries(await tableOf(page, "tasks"));
    assert.deepEqual(statuses, Object.fromEntries(taskStats.groups.map(({ key, count }) => [key.status, String(count)])));
    assert.deepEqual(statuses, { TODO: "3", IN_PROGRESS: "1", DONE: "1" });
    await page.getByText("4 open tasks").waitFor();
    const mine = await listOf(page, "Your open tasks");
    assert.deepEqual(mine.map((text) => text.split("\n")[0]), ["Late", "Soon", "Whenever"]);
    assert.match(mine[0], /Overdue: /);
    assert.match(mine[1], /Due /);
    assert.match(mine[2], /No due date/);
    assert.deepEqual((await listOf(page, "Running out")).map((text) => text.split("\n").filter(Boolean)), [
      ["Tea", "TEA", "Sold out"],
      ["Cup", "CUP", "3 left"],
      ["Pot", "POT", "10 left"],
    ]);
    await inspect(page, "dashboard");

    // As tables, by the keyboard; the address keeps it.
    const toggle = page.getByRole("button", { name: "As a table: Orders by day" });
    await toggle.press("Enter");
    await page.getByRole("table", { name: "Orders by day" }).waitFor();
    assert.equal(await orders.locator("svg").count(), 0);
    await page.getByRole("button", { name: "As a table: Revenue by day" }).press("Space");
    await page.getByRole("button", { name: "As a table: Tasks by status" }).press("Enter");
    await inspect(page, "dashboard-tables");
    await page.reload();
    await orders.getByText("5 orders").waitFor();
    assert.equal(await page.locator(".overview svg").count(), 0);
    await page.goBack();
    await page.getByRole("img", { name: "Tasks by status" }).waitFor();
    await page.goBack();

    // One currency at a time.
    await page.getByRole("group", { name: "Currency" }).getByRole("button", { name: "JPY" }).click();
    await revenue.getByText("¥1,990", { exact: true }).first().waitFor();
    assert.deepEqual((await tableOf(page, "revenue")).slice(9, 12).map(([, text]) => text), ["¥0", "¥1,990", "¥0"]);
    await page.getByLabel("Language").selectOption("de");
    await page.getByRole("heading", { name: "Umsatz pro Tag" }).waitFor();
    assert.equal(await revenue.locator(".figure").textContent(), "1.990\u00a0¥");
    await inspect(page, "dashboard-german");
    await page.getByLabel("Sprache").selectOption("en");

    // The ways on.
    await page.getByRole("link", { name: "Cup" }).click();
    await page.getByRole("rowheader", { name: /^Cup/ }).waitFor();
    await page.goBack();
    await page.getByRole("link", { name: "All 3 products that are running out" }).click();
    await page.getByRole("rowheader", { name: /^Pot/ }).waitFor();
    assert.equal(await page.locator("tbody").getByRole("rowheader").count(), 3);
    await page.goBack();
    await page.getByRole("link", { name: "Soon" }).click();
    await page.getByRole("dialog").waitFor();
    assert.equal(await page.getByRole("dialog").getByLabel("Title").inputValue(), "Soon");
  },
  { timezoneId: ZONE, locale: "en-US" },
);

// A member sees what is the member's own, and nothing of the revenue.
await scenario(
  async (page) => {
    await openAs(page, "/", { email: MEMBER_EMAIL });
    await page.getByRole("heading", { name: "Your orders by day" }).waitFor();
    await page.getByText("1 order", { exact: true }).waitFor();
    assert.deepEqual((await tableOf(page, "orders")).filter(([, count]) => count !== "0").length, 1);
    assert.equal(await page.getByText(/revenue|€/i).count(), 0);
    assert.equal((await listOf(page, "Your open tasks")).length, 1);
    await inspect(page, "dashboard-member");
  },
  { timezoneId: ZONE, locale: "en-US" },
);

// There is nothing yet.
await scenario(async (page) => {
  await openAs(page, "/", { email: OTHER_EMAIL });
  await page.getByText("Nobody has ordered anything in the last 30 days.").waitFor();
  for (const text of ["There is no revenue", "There are no tasks yet.", "Nothing waits for you", "Nothing is running out"]) {
    await page.getByText(text).waitFor();
  }
  assert.equal(await page.locator(".overview svg, .overview table").count(), 0);
  await inspect(page, "dashboard-empty");
});
