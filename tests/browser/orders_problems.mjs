// Every way in which an order is not placed, and that nothing typed is lost by it.
import assert from "node:assert/strict";
import { answerWith, beatTo, inspect, loseAnswer, openAs } from "./backoffice_support.mjs";
import { addLine, isPlaced, place } from "./shop_support.mjs";
import { act, scenario } from "./support.mjs";

const { TEAPOT } = process.env;
const count = async () => (await act("{ orders { totalCount } }")).orders.totalCount;
const alert = (page) => page.locator(".place").getByRole("alert").first();

await scenario(async (page, _context, faults) => {
  await openAs(page, "/orders/new");
  await inspect(page, "order-new-empty");
  await addLine(page, "Teapot", 2);
  const field = page.getByLabel("Shipping address");

  // BAD_USER_INPUT beside the field, and beside the line.
  await field.fill("   ");
  await place(page);
  await page.getByText("This must not be empty.").waitFor();
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  await field.fill("1 Main St");
  const activate = (isActive) =>
    act("mutation($i: UpdateProductInput!) { updateProduct(input: $i) { __typename } }", { i: { id: TEAPOT, isActive } });
  await beatTo(page, "PlaceOrder", () => activate(false));
  await place(page);
  await page.getByRole("listitem").getByText("There is no such product for sale.").waitFor();
  await activate(true);

  // More than twelve digits: of no field alone.
  await addLine(page, "Savings", 90_000);
  await place(page);
  await alert(page).getByText("The total may have twelve digits at most.").waitFor();
  await page.getByRole("button", { name: "Remove Savings" }).click();

  // RATE_LIMITED, SERVICE_UNAVAILABLE, INTERNAL and FORBIDDEN.
  for (const [extensions, text] of [
    [{ code: "RATE_LIMITED", retryAfter: 7 }, "wait 7 seconds"],
    [{ code: "SERVICE_UNAVAILABLE", retryAfter: 3 }, "The server is busy: wait 3 seconds"],
    [{ code: "INTERNAL", requestId: "r-1" }, "r-1"],
    [{ code: "FORBIDDEN" }, "You have no right to do this."],
  ]) {
    await answerWith(page, "PlaceOrder", { data: null, errors: [{ message: "No.", extensions }] });
    await place(page);
    await alert(page).getByText(text).waitFor();
  }
  // NOT_FOUND: what was placed with the key has been deleted.
  await answerWith(page, "PlaceOrder", { data: { placeOrder: { __typename: "NotFound", code: "NOT_FOUND", message: "No." } } });
  await place(page);
  await alert(page).getByText("This does not exist any more.").waitFor();
  assert.equal(await count(), 0);

  // IDEMPOTENCY_CONFLICT: the answer was lost, and something else is sent then.
  const lost = await loseAnswer(page, "PlaceOrder", faults);
  await place(page);
  await lost();
  await page.getByLabel("Quantity of Teapot").fill("3");
  await place(page);
  await page.getByText("This form was sent before with other contents").waitFor();
  await inspect(page, "order-conflict");
  assert.equal(await count(), 1);
  assert.equal(await field.inputValue(), "1 Main St");
  await page.getByRole("button", { name: "Place this as another order" }).click();
  await isPlaced(page);
  assert.equal(await count(), 2);
});
