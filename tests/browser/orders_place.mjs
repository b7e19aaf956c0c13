// An order is placed with the keyboard alone, and appears in another browser; what is sent twice is ordered once.
import assert from "node:assert/strict";
import { inspect, loseAnswer, openAs, watchOperations } from "./backoffice_support.mjs";
import { addLine, isPlaced, place } from "./shop_support.mjs";
import { act, address, openForAnother, scenario } from "./support.mjs";

const { MEMBER, TEAPOT } = process.env;
const orders = async () => (await act("{ orders { totalCount nodes { id totalAmount { amount } items { nodes { quantity } } } } }")).orders;
const isFocused = (locator) => locator.evaluate((element) => element === document.activeElement);

async function tabTo(page, locator, key = "Tab") {
  for (let presses = 0; presses < 30; presses++) {
    if ((await locator.count()) === 1 && (await isFocused(locator))) return;
    await page.keyboard.press(key);
  }
  assert.fail(`${locator} is not reached with ${key}`);
}

await scenario(async (page, context, faults) => {
  const other = await openForAnother(context, faults);
  const seen = watchOperations(other);
  await openAs(other, "/orders");
  await other.getByText("No orders").waitFor();
  assert.deepEqual(seen().filter(Boolean), ["OrdersPage"]);

  const sent = watchOperations(page);
  await openAs(page, "/orders/new", { email: MEMBER });
  assert.deepEqual(sent().filter(Boolean), ["NewOrderPage"]);
  const picker = page.getByRole("combobox", { name: "Add a product" });
  await tabTo(page, picker);
  await page.keyboard.type("tea");
  await page.getByRole("option", { name: "Teapot" }).waitFor();
  await page.keyboard.press("Enter");
  assert.ok(await isFocused(page.getByLabel("Quantity of Teapot")));
  await page.keyboard.type("3");
  await tabTo(page, picker, "Shift+Tab");
  await page.keyboard.type("sav");
  await page.getByRole("option", { name: "Savings" }).waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await page.keyboard.type("80");
  await page.getByText("€8,000,000,058.90").waitFor(); // 80 × 99,999,999.99 + 3 × 19.90
  await tabTo(page, page.getByLabel("Shipping address"));
  await page.keyboard.type("1 Main St");
  await tabTo(page, page.getByRole("button", { name: "Place the order" }));
  await page.keyboard.press("Enter");

  // There is not enough: what there is, is said beside the line, and taken with a button.
  const line = page.getByRole("listitem").filter({ hasText: "Savings" });
  await line.getByText("80 requested, 7 available.").waitFor();
  assert.equal((await orders()).totalCount, 0);
  await inspect(page, "order-out-of-stock");
  await tabTo(page, line.getByRole("button", { name: "Take the 7 that are there" }), "Shift+Tab");
  await page.keyboard.press("Enter");
  assert.ok(await isFocused(page.getByLabel("Quantity of Savings")));
  await page.getByText("€700,000,059.63").waitFor();
  assert.equal(await page.getByText("80 requested").count(), 0);
  await tabTo(page, page.getByRole("button", { name: "Place the order" }));
  await page.keyboard.press("Enter");
  await isPlaced(page);
  await page.getByText("€700,000,059.63").waitFor();
  const [first] = (await orders()).nodes;
  assert.equal(first.totalAmount.amount, "700000059.63");

  // The other browser has it without being asked, and what becomes of it.
  await other.getByRole("row", { name: /1001/ }).getByText("Pending").waitFor();
  await act("mutation($id: ID!) { confirmOrder(input: { id: $id }) { __typename } }", { id: first.id });
  await other.getByRole("row", { name: /1001/ }).getByText("Confirmed").waitFor();
  await page.getByRole("listitem").filter({ hasText: "Confirmed" }).waitFor();

  // The answer is lost, and it is sent again: one order.
  await page.goto(`${address}/app/orders/new`);
  await addLine(page, "Teapot", 1);
  await page.getByLabel("Shipping address").fill("2 Main St");
  const lost = await loseAnswer(page, "PlaceOrder", faults);
  await place(page);
  const key = await lost();
  assert.equal((await orders()).totalCount, 2);
  assert.equal(await page.getByLabel("Shipping address").inputValue(), "2 Main St");
  const again = page.waitForRequest((request) => request.postData()?.includes("PlaceOrder"));
  await place(page);
  assert.equal(JSON.parse((await again).postData()).variables.input.idempotencyKey, key);
  await isPlaced(page);
  assert.equal((await orders()).totalCount, 2);

  // So is one that is clicked twice.
  await page.goto(`${address}/app/orders/new`);
  await addLine(page, "Teapot", 1);
  await page.getByLabel("Shipping address").fill("3 Main St");
  await page.getByRole("button", { name: "Place the order" }).dblclick();
  await isPlaced(page);
  assert.equal((await orders()).totalCount, 3);

  // Currencies with no decimals, and with three.
  for (const [name, total] of [["Fan", "¥5,970"], ["Pearl", /KWD\s3\.015/]]) {
    await page.goto(`${address}/app/orders/new`);
    await addLine(page, name, 3);
    await page.locator(".place output", { hasText: total }).waitFor();
    await page.getByRole("button", { name: "Empty the order" }).click();
  }
  const { product } = await act("query($id: ID!) { product(id: $id) { stockQuantity } }", { id: TEAPOT });
  assert.equal(product.stockQuantity, 5);
});
