// What scenarios of the account's pages share.
import assert from "node:assert/strict";
import { address, ask } from "./support.mjs";

export const NEW_PASSWORD = "Other-Passw0rd!";
export const { EMAIL, PASSWORD, OTHER_EMAIL } = process.env;
export const NAME = (email) => email[0].toUpperCase() + email.slice(1).replace(/@.*/, "");

/** Opens the link that was mailed last. */
export async function openMailed(page) {
  await page.goto(`${address}/app${await ask("mailed link")}`);
}

export const alert = (page, text) => page.getByRole("alert").filter({ hasText: text }).waitFor();
export const status = (page, text) => page.getByRole("status").filter({ hasText: text }).waitFor();
export const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
export const inShell = (page) => page.locator(".shell main h1").waitFor();

export async function fill(page, texts) {
  for (const [label, text] of Object.entries(texts)) await page.getByLabel(label, { exact: true }).fill(text);
}

export async function logInAs(page, email, password = PASSWORD) {
  await fill(page, { "E-mail address": email, Password: password });
  await press(page, "Log in");
}

export const tokenOf = (page) => page.evaluate(() => JSON.parse(sessionStorage.getItem("atrium-app-session"))?.accessToken);

export async function assertTenant(page, slug) {
  await page.getByLabel("Tenant").locator(`option[value=${slug}]`).waitFor({ state: "attached" });
  assert.equal(await page.getByLabel("Tenant").inputValue(), slug);
}
