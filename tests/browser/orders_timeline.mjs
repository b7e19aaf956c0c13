// An order's actions, its timeline and what it was at each of its events.
import assert from "node:assert/strict";
import { answerWith, beatTo, inspect, openAs, watchOperations } from "./backoffice_support.mjs";
import { act, openForAnother, scenario, shoot } from "./support.mjs";

const { ORDER, OTHER, MEMBER, SHIPPED } = process.env;
const path = (id) => `/orders/${id}`;
const button = (page, name) => page.getByRole("button", { name, exact: true });
const change = (name, id) => act(`mutation($id: ID!) { ${name}(input: { id: $id }) { __typename } }`, { id });

await scenario(async (page, context, faults) => {
  const sent = watchOperations(page);
  await openAs(page, path(ORDER));
  await page.getByText("This is the order as it is now").waitFor();
  assert.deepEqual(sent().filter(Boolean), ["OrderPage"]);
  const status = page.locator(".details .badge");
  await button(page, "Confirm").dblclick(); // which ships nothing
  await status.getByText("Confirmed").waitFor();
  await page.locator("button:focus, section:focus").waitFor();
  assert.equal((await act("query($id: ID!) { order(id: $id) { status } }", { id: ORDER })).order.status, "CONFIRMED");
  await button(page, "Mark as shipped").click();
  await status.getByText("Shipped").waitFor();
  assert.equal(await button(page, "Cancel the order").count(), 0);
  await button(page, "Mark as delivered").click();
  await status.getByText("Delivered").waitFor();
  await page.locator(".timeline li").nth(3).waitFor();
  await inspect(page, "order-now");
  sent();

  // The slider: one query for each position, and none for one that was there before.
  const slider = page.getByRole("slider", { name: "Look at the order as it was" });
  await slider.focus();
  await page.keyboard.press("ArrowLeft");
  await status.getByText("Shipped").waitFor();
  await page.getByRole("heading", { name: "As it was then" }).waitFor();
  assert.match(await slider.getAttribute("aria-valuetext"), /^Shipped, /);
  assert.equal(await button(page, "Delete for good").count(), 0);
  await page.keyboard.press("ArrowLeft");
  await status.getByText("Confirmed").waitFor();
  await inspect(page, "order-past");
  await page.keyboard.press("Home");
  await status.getByText("Pending").waitFor();
  await page.keyboard.press("ArrowRight");
  await status.getByText("Confirmed").waitFor();
  assert.deepEqual(sent(), ["OrderAsOf", "OrderAsOf", "OrderAsOf"]);
  await page.reload(); // the address knows what is looked at
  await status.getByText("Confirmed").waitFor();
  await page.getByText("This is the order as it was on").waitFor();
  await page.getByRole("button", { name: /^Show the order at: Placed/ }).click();
  await status.getByText("Pending").waitFor();
  await button(page, "Back to now").click();
  await status.getByText("Delivered").waitFor();
  await page.getByText("This is the order as it is now").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.type), "range");

  // A member sees an order of their own, and may cancel it, with a reason; no other order is there.
  const member = await openForAnother(context, faults);
  await openAs(member, path(OTHER), { email: MEMBER });
  await member.getByText("There is no such order").waitFor();
  await member.getByRole("link", { name: "To the orders" }).click();
  await member.getByText("2 orders").waitFor();
  await member.getByRole("link", { name: "1001" }).click();
  await member.getByText("This is the order as it is now").waitFor();
  assert.equal(await member.getByRole("button", { name: "Delete for good" }).count(), 0);
  await member.goBack();
  await member.getByRole("link", { name: "1002" }).click();
  await button(member, "Cancel the order").click();
  const dialog = member.getByRole("dialog");
  await dialog.getByLabel("Reason").fill("x".repeat(501));
  await dialog.getByRole("button", { name: "Cancel the order" }).click();
  await dialog.getByText("500").waitFor(); // BAD_USER_INPUT, beside the field
  await inspect(member, "order-cancel");
  await dialog.getByLabel("Reason").fill("Ordered by mistake");
  await dialog.getByRole("button", { name: "Cancel the order" }).click();
  await member.locator("q", { hasText: "Ordered by mistake" }).waitFor();
  assert.equal(await member.locator(".actions button").count(), 0);

  // ILLEGAL_TRANSITION: somebody else was faster.
  await page.goto(page.url().replace(/orders.*/, path(OTHER).slice(1)));
  await beatTo(page, "ConfirmOrder", () => change("cancelOrder", OTHER));
  await button(page, "Confirm").click();
  await page.getByText("the order is now “Cancelled”").waitFor();
  await page.getByText("It cannot become anything else any more.").waitFor();
  await status.getByText("Cancelled").waitFor();
  await shoot(page, "order-refused");

  // The order's page follows what others do.
  await page.goto(page.url().replace(/orders.*/, path(SHIPPED).slice(1)));
  await status.getByText("Shipped").waitFor();
  await beatTo(page, "DeliverOrder", () => change("deliverOrder", SHIPPED));
  await button(page, "Mark as delivered").click();
  await page.getByText("the order is now “Delivered”").waitFor();

  // VERSION_CONFLICT and RATE_LIMITED leave the order as it was; a deletion asks first, and the page knows of it.
  for (const [answer, text] of [
    [{ data: { result: { __typename: "VersionConflict", code: "VERSION_CONFLICT", message: "No.", currentVersion: 9 } } }, "Somebody else has changed this"],
    [{ data: null, errors: [{ message: "No.", extensions: { code: "RATE_LIMITED", retryAfter: 5 } }] }, "wait 5 seconds"],
  ]) {
    await answerWith(page, "DeleteOrder", answer);
    await button(page, "Delete for good").click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete for good" }).click();
    await page.getByText(text).waitFor();
  }
  // NOT_FOUND: somebody else has deleted it.
  await beatTo(page, "DeleteOrder", () => change("deleteOrder", SHIPPED));
  await button(page, "Delete for good").click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete for good" }).click();
  await page.getByText("There is no such order").waitFor();
  await page.goto(page.url().replace(/orders.*/, path(OTHER).slice(1)));
  await button(page, "Delete for good").click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete for good" }).click();
  await page.getByRole("heading", { name: "Orders", level: 1 }).waitFor();
});
