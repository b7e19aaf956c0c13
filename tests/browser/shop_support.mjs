// What scenarios of the shop share.

/** Adds a product to the order that is being written. */
export async function addLine(page, name, quantity) {
  await page.getByRole("combobox", { name: "Add a product" }).fill(name);
  await page.getByRole("option", { name }).click();
  await page.getByLabel(`Quantity of ${name}`).fill(String(quantity));
}

export const place = (page) => page.getByRole("button", { name: "Place the order" }).click();
export const isPlaced = (page) => page.getByRole("heading", { name: /^Order \d+$/, level: 1 }).waitFor();
