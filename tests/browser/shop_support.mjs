// What scenarios of the shop share.
import assert from "node:assert/strict";

/** Takes the next request with an operation. */
async function once(page, name, work) {
  let isDone = false;
  await page.route("**/graphql", async (route) => {
    const body = route.request().postData();
    if (isDone || !body || JSON.parse(body).operationName !== name) return route.fallback();
    isDone = true;
    await work(route);
  });
}

/** Lets the server answer an operation once, and loses the answer; returns the key that it was sent with. */
export async function loseAnswer(page, name, faults) {
  const { promise, resolve } = Promise.withResolvers();
  await once(page, name, async (route) => {
    await route.fetch();
    await route.abort("connectionreset");
    resolve(JSON.parse(route.request().postData()).variables.input.idempotencyKey);
  });
  return async () => {
    const key = await promise;
    await page.getByText("The server does not answer").waitFor();
    const index = faults.findIndex((fault) => /ERR_CONNECTION_RESET/.test(fault));
    assert.notEqual(index, -1, faults.join());
    faults.splice(index, 1);
    return key;
  };
}

/** Does something just before the server gets an operation: somebody else is faster. */
export async function beatTo(page, name, work) {
  await once(page, name, async (route) => {
    await work();
    await route.continue();
  });
}

/** Answers an operation once in place of the server. */
export async function answerWith(page, name, answer) {
  await once(page, name, async (route) => {
    await route.fulfill({ json: answer, contentType: "application/json" });
  });
}

/** Adds a product to the order that is being written. */
export async function addLine(page, name, quantity) {
  await page.getByRole("combobox", { name: "Add a product" }).fill(name);
  await page.getByRole("option", { name }).click();
  await page.getByLabel(`Quantity of ${name}`).fill(String(quantity));
}

export const place = (page) => page.getByRole("button", { name: "Place the order" }).click();
export const isPlaced = (page) => page.getByRole("heading", { name: /^Order \d+$/, level: 1 }).waitFor();
