// Products: found, created, changed, restocked; a conflict is a choice, and what others do appears.
import assert from "node:assert/strict";
import { answerWith, beatTo, inspect, loseAnswer, openAs, watchOperations } from "./backoffice_support.mjs";
import { act, ask, openForAnother, scenario } from "./support.mjs";

const { MEMBER, TEAPOT } = process.env;
const button = (page, name) => page.getByRole("button", { name, exact: true });
const update = (changes) =>
  act("mutation($i: UpdateProductInput!) { updateProduct(input: $i) { __typename } }", { i: { id: TEAPOT, ...changes } });
const teapot = async () =>
  (await act("query($id: ID!) { product(id: $id) { name price { amount } stockQuantity } }", { id: TEAPOT })).product;

await scenario(async (page, context, faults) => {
  const sent = watchOperations(page);
  await openAs(page, "/products");
  await page.getByText("5 products").waitFor();
  assert.deepEqual(sent().filter(Boolean), ["ProductsPage"]);
  await inspect(page, "products");
  const member = await openForAnother(context, faults);
  await openAs(member, "/products", { email: MEMBER });
  await member.getByText("5 products").waitFor();
  assert.equal(await member.locator("main table button").count(), 0);

  // Filters are in the address.
  await page.getByLabel("Running out").check();
  await page.getByText("4 products").waitFor();
  await page.getByLabel("Name or SKU").fill("sold-");
  await page.getByText("1 product", { exact: true }).waitFor();
  assert.match(page.url(), /low=yes&text=sold-$/);
  await page.getByText("sold out", { exact: true }).waitFor();
  await page.getByLabel("Shown").selectOption("no");
  await page.getByText("No products").waitFor();
  await page.goto(page.url().replace(/\?.*/, ""));

  // BAD_USER_INPUT and ALREADY_EXISTS beside their fields; then it is created, and appears in the other browser.
  await button(page, "New product").click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("SKU").fill("TEAPOT");
  await dialog.getByLabel("Name").fill("Samovar");
  await dialog.getByLabel("Price").fill("1,999");
  await dialog.getByRole("button", { name: "Create the product" }).click();
  await dialog.getByText("This has more decimals than the currency.").waitFor();
  await dialog.getByLabel("Price").fill("1999,10");
  await dialog.getByRole("button", { name: "Create the product" }).click();
  await dialog.getByText("This is already in use.").waitFor();
  assert.equal(await dialog.getByLabel("SKU").getAttribute("aria-invalid"), "true");
  await inspect(page, "product-new");
  await dialog.getByLabel("SKU").fill("SAMOVAR");
  await dialog.getByLabel("Units in stock").fill("4");
  const lost = await loseAnswer(page, "CreateProduct", faults);
  await dialog.getByRole("button", { name: "Create the product" }).click();
  await lost();
  // IDEMPOTENCY_CONFLICT: something else is sent with the key of what was created.
  await dialog.getByLabel("Name").fill("Another");
  await dialog.getByRole("button", { name: "Create the product" }).click();
  await dialog.getByText("This was already sent with other contents.").waitFor();
  await dialog.getByLabel("Name").fill("Samovar");
  await dialog.getByRole("button", { name: "Create the product" }).click();
  await page.getByRole("row", { name: /Samovar/ }).getByText("€1,999.10").waitFor();
  await member.getByRole("row", { name: /Samovar/ }).waitFor();
  await dialog.waitFor({ state: "detached" });

  // VERSION_CONFLICT: theirs is taken, or mine is kept.
  await button(page, "Edit Teapot").click();
  await beatTo(page, "UpdateProduct", () => update({ name: "Their pot" }));
  await dialog.getByLabel("Name").fill("My pot");
  await dialog.getByLabel("Price").fill("21.00");
  await button(page, "Save").click();
  await dialog.getByRole("row", { name: "Name My pot Their pot" }).waitFor();
  await inspect(page, "product-conflict");
  await button(page, "Take theirs").click();
  assert.equal(await dialog.getByLabel("Name").inputValue(), "Their pot");
  await beatTo(page, "UpdateProduct", () => update({ name: "Their pan" }));
  await dialog.getByLabel("Name").fill("My pot");
  await button(page, "Save").click();
  await button(page, "Keep mine").click();
  await dialog.waitFor({ state: "detached" });
  assert.deepEqual(await teapot(), { name: "My pot", price: { amount: "19.90" }, stockQuantity: 12 });
  await member.getByRole("row", { name: /My pot/ }).waitFor();

  // Restocked once, though it was sent twice; and another number is another delivery.
  await button(page, "Restock My pot").click();
  const restock = button(page, "Put into stock");
  await dialog.getByLabel("Units that have arrived").fill("2147483647");
  await restock.click();
  await dialog.getByText("Some of it is not right yet.").waitFor(); // more than a stock can be
  assert.equal(await dialog.getByLabel("Units that have arrived").getAttribute("aria-invalid"), "true");
  await dialog.getByLabel("Units that have arrived").fill("8");
  const unanswered = await loseAnswer(page, "RestockProduct", faults);
  await restock.click();
  await unanswered();
  await dialog.getByLabel("Units that have arrived").fill("9");
  await restock.click();
  await dialog.getByText("This was sent before with another number").waitFor();
  assert.equal((await teapot()).stockQuantity, 20);
  await button(page, "Add these as well").click();
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("row", { name: /My pot/ }).getByText("29").waitFor();

  // RATE_LIMITED, and NOT_FOUND where the product is gone.
  await button(page, "Restock Sold out").click();
  await dialog.getByLabel("Units that have arrived").fill("1");
  await answerWith(page, "RestockProduct", { data: null, errors: [{ message: "No.", extensions: { code: "RATE_LIMITED", retryAfter: 5 } }] });
  await restock.click();
  await dialog.getByText("wait 5 seconds").waitFor();
  await ask("product is gone");
  await restock.click();
  await dialog.getByText("This does not exist any more.").waitFor();
  await button(page, "Close").click();
  await button(page, "Edit Sold out").click();
  await button(page, "Save").click();
  await dialog.getByText("This does not exist any more.").waitFor();
});
