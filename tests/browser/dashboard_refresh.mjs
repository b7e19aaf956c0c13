// The overview is asked for anew when somebody comes back to it after a minute, and neither before nor by itself.
import assert from "node:assert/strict";
import { openAs, watchOperations } from "./backoffice_support.mjs";
import { act, scenario } from "./support.mjs";

const PLACE = `mutation($product: ID!) {
  placeOrder(input: { items: [{ productId: $product, quantity: 2 }], shippingAddress: "Here" }) { ... on Order { id } }
}`;
const comeBack = (page) => page.evaluate(() => dispatchEvent(new Event("focus")));

await scenario(async (page) => {
  await page.clock.install();
  await openAs(page, "/");
  await page.getByText("Nobody has ordered anything").waitFor();
  const { products } = await act("{ products { nodes { id } } }");
  await act(PLACE, { product: products.nodes[0].id }, process.env.ADMIN_TOKEN);
  const operations = watchOperations(page);
  await page.clock.fastForward(30_000);
  await comeBack(page);
  await page.clock.fastForward(40_000);
  await page.getByText("Nobody has ordered anything").waitFor();
  await comeBack(page);
  await page.getByText("1 order", { exact: true }).waitFor();
  await page.getByText("€2.00", { exact: true }).first().waitFor();
  assert.deepEqual(operations(), ["HomePage"]);
});
