// The list of orders: filters in the address, and what is loaded behind the first page.
import assert from "node:assert/strict";
import { inspect, openAs } from "./backoffice_support.mjs";
import { act, scenario } from "./support.mjs";

await scenario(async (page) => {
  await openAs(page, "/orders");
  const rows = page.locator("table.list th[scope=row]");
  await page.getByText("35 orders").waitFor();
  assert.equal(await rows.count(), 30);
  await page.getByRole("button", { name: "Load more" }).click();
  await rows.nth(34).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "1005");
  assert.equal(new Set(await rows.allTextContents()).size, 35);

  // What comes in front moves nothing out of it.
  const { orders } = await act("{ orders(first: 1) { nodes { items { nodes { product { id } } } } } }");
  const input = { items: [{ productId: orders.nodes[0].items.nodes[0].product.id, quantity: 1 }], shippingAddress: "Here" };
  await act("mutation($i: PlaceOrderInput!) { placeOrder(input: $i) { __typename } }", { i: input });
  await page.getByText("36 orders").waitFor();
  await rows.nth(35).waitFor();
  assert.equal(new Set(await rows.allTextContents()).size, 36);
  await inspect(page, "orders");

  await page.getByLabel("Status").selectOption("CANCELLED");
  await page.getByText("1 order", { exact: true }).waitFor();
  assert.match(page.url(), /\?status=CANCELLED$/);
  await rows.getByRole("link").click();
  await page.getByText("This is the order as it is now").waitFor();
  await page.goBack();
  await page.getByText("1 order", { exact: true }).waitFor();
  assert.equal(await page.getByLabel("Status").inputValue(), "CANCELLED");
  await page.getByLabel("Status").selectOption("");
  await page.getByLabel("Number or address").fill("1007");
  await page.getByText("1 order", { exact: true }).waitFor();
  await page.getByLabel("Number or address").fill("nowhere");
  await page.getByText("No orders").waitFor();

  await page.getByLabel("Language").selectOption("de");
  await page.getByText("Keine Bestellungen").waitFor();
  await page.getByLabel("Nummer oder Adresse").fill("1007");
  await page.getByText(/19,90\s€/).waitFor();
});
