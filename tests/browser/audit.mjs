// The audit log: what was changed, by whom and from where, narrowed down by filters in the address.
import assert from "node:assert/strict";
import { inspect, openAs, watchOperations } from "./backoffice_support.mjs";
import { alert } from "./members_support.mjs";
import { act, address, scenario } from "./support.mjs";

const { ADMIN, ADMIN_EMAIL, ADMIN_TOKEN, MEMBER_EMAIL } = process.env;
const CREATE = `mutation($title: String!) { createDocument(input: { title: $title, content: "one two three, and so on until it is long enough to be compared" }) { ... on Document { id } } }`;
const UPDATE = `mutation($input: UpdateDocumentInput!) { updateDocument(input: $input) { __typename } }`;
const TASK = `mutation { createTask(input: { title: "Look at it" }) { ... on Task { id } } }`;
const PRODUCT = `mutation { createProduct(input: { sku: "D", name: "Desk", price: { amount: "199.00", currency: EUR }, stockQuantity: 9 }) { ... on Product { id } ... on Error { message } } }`;
const ORDER = `mutation($product: ID!) { placeOrder(input: { items: [{ productId: $product, quantity: 2 }], shippingAddress: "Here" }) { ... on Order { id number } ... on Error { message } } }`;
const KEY = `mutation { createApiKey(input: { name: "Nightly" }) { ... on ApiKey { token } } }`;

for (let number = 1; number <= 32; number++) await act(CREATE, { title: `Report ${number}` });
const { id } = (await act(CREATE, { title: "Plan" }, ADMIN_TOKEN)).createDocument;
await act(UPDATE, { input: { id, title: "The plan", content: "one two four, and so on until it is long enough to be compared" } }, ADMIN_TOKEN);
const { id: task } = (await act(TASK)).createTask;
const product = (await act(PRODUCT)).createProduct;
const order = (await act(ORDER, { product: product.id })).placeOrder;
await act(CREATE, { title: "By a program" }, (await act(KEY)).createApiKey.token);

const entries = (page) => page.locator("[data-entry]");
const entry = (page, name) => page.getByRole("listitem", { name, exact: true });
const parameters = (page) => Object.fromEntries(new URL(page.url()).searchParams);

await scenario(async (page) => {
  const operations = watchOperations(page);
  await openAs(page, "/audit?type=DOCUMENT");
  await page.getByText("35 entries").waitFor();
  assert.deepEqual(operations().slice(-1), ["AuditPage"]);
  assert.equal(await entries(page).count(), 30);
  await page.getByRole("button", { name: "Load more" }).click();
  await entry(page, "Created Document Report 1").waitFor();
  assert.deepEqual(operations(), ["MoreAuditEntries"]);
  await entry(page, "Created Document By a program").getByText("with the API key “Nightly”").waitFor();

  // A change with what it did, who it was, and from where.
  const change = entry(page, "Changed Document The plan");
  assert.deepEqual(await change.getByRole("row", { name: /^title/ }).getByRole("cell").allTextContents(), ["Plan", "The plan"]);
  assert.equal(await change.locator("del").textContent(), "removed: three");
  assert.equal(await change.locator("ins").textContent(), "added: four");
  await change.getByText("updateDocument").waitFor();
  await change.getByText("127.0.0.1").waitFor();
  await change.getByText(/^Request: [0-9a-f-]{36}$/).waitFor();
  await change.getByText(/^Device: node/).waitFor();
  const created = entry(page, "Created Document Report 32");
  await created.getByText(/^\d fields$/).press("Enter");
  await created.getByRole("row", { name: "title Report 32" }).waitFor();
  await created.getByText(/^\d fields$/).scrollIntoViewIfNeeded();
  await inspect(page, "audit");

  // Filters are in the address, together; a reload and "back" lead to them.
  await page.getByLabel("Action").selectOption("UPDATE");
  await page.getByText("1 entry", { exact: true }).waitFor();
  await page.reload();
  await change.waitFor();
  assert.deepEqual(operations().filter(Boolean).slice(-1), ["AuditPage"]);
  await page.goBack();
  await page.getByText("35 entries").waitFor();
  await change.getByRole("link", { name: "Admin" }).click();
  await page.getByText("2 entries").waitFor();
  assert.deepEqual(parameters(page), { actor: ADMIN });
  assert.equal(await page.getByLabel("By").inputValue(), ADMIN);
  await change.getByRole("link", { name: "Only this object" }).click();
  await page.getByText("2 entries").waitFor();
  assert.deepEqual(parameters(page), { object: id });
  await inspect(page, "audit-object");
  await page.getByRole("button", { name: "All objects" }).click();
  await page.getByLabel("Operation").fill("placeO");
  await page.keyboard.press("Enter");
  await entry(page, `Created Order #${order.number}`).waitFor();

  // Objects lead to their pages.
  const hrefs = () => page.locator("h2 a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
  assert.ok((await hrefs()).includes(`/app/orders/${encodeURIComponent(order.id)}`));
  await page.getByLabel("Type").selectOption("ORDER_ITEM");
  await page.getByText("1 entry", { exact: true }).waitFor();
  await entry(page, `Created Order item Desk (#${order.number})`).waitFor();
  assert.deepEqual(await hrefs(), [`/app/orders/${encodeURIComponent(order.id)}`]);
  await page.getByRole("link", { name: "Clear filters" }).click();
  await entry(page, "Created Task Look at it").waitFor();
  assert.deepEqual(parameters(page), {});
  assert.ok((await hrefs()).includes(`/app/board?task=${encodeURIComponent(task)}`));
  await page.getByLabel("Type").selectOption("DOCUMENT");
  await change.getByRole("link", { name: "The plan", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "The plan" }).waitFor();

  // What is no such value in the address is no filter.
  await page.goto(`${address}/app/audit?type=NONSENSE&action=1&from=soon&to=2026-02-30`);
  await entry(page, "Created Task Look at it").waitFor();
});

// Days are those of the reader: in each zone a day holds what happened in it there.
const AT = "2026-03-01T11:30:00Z"; // already the second of March on Kiritimati, and still the first in Honolulu
for (const [timezoneId, day, other] of [["Pacific/Kiritimati", "2026-03-02", "2026-03-01"], ["Pacific/Honolulu", "2026-03-01", "2026-03-02"]]) {
  await scenario(async (page) => {
    await openAs(page, `/audit?from=${day}&to=${day}`, { email: ADMIN_EMAIL });
    await page.getByText("1 entry", { exact: true }).waitFor();
    await entries(page).locator(`time[datetime^="${AT.slice(0, 16)}"]`).waitFor();
    await page.getByLabel("From").fill(other);
    await page.getByLabel("To").fill(other);
    await page.getByText("0 entries").waitFor();
    assert.deepEqual(parameters(page), { from: other, to: other });
    await page.getByLabel("From").fill("");
    await page.getByLabel("To").fill("");
    await entry(page, "Created Document By a program").waitFor();
  }, { timezoneId });
}

// In German; and for members there is none.
await scenario(async (page) => {
  await openAs(page, "/audit?action=UPDATE");
  await page.getByLabel("Language").selectOption("de");
  await page.getByRole("heading", { level: 1, name: "Audit-Log" }).waitFor();
  await page.getByRole("columnheader", { name: "Vorher" }).first().waitFor();
});
await scenario(async (page) => {
  await openAs(page, "/audit", { email: MEMBER_EMAIL });
  await alert(page, "You have no right to do this.");
});
