// The own account: name, password, address, sessions and what has happened; each error that its mutations answer.
import assert from "node:assert/strict";
import { inspect, openAs, watchOperations } from "./backoffice_support.mjs";
import { alert, EMAIL, fill, NEW_PASSWORD, openMailed, PASSWORD, press, status } from "./account_support.mjs";
import { act, address, ask, scenario } from "./support.mjs";

const RENAME = "mutation($name: String!) { updateViewer(input: { fullName: $name }) { __typename } }";

await scenario(async (page, context) => {
  const operations = watchOperations(page);
  await openAs(page, "/");
  operations();
  await page.getByRole("link", { name: "Owner" }).click();
  await page.getByRole("heading", { name: "Sessions" }).waitFor();
  assert.deepEqual(operations(), ["AccountPage"]);
  await inspect(page, "account");
  const part = (name) => page.getByRole("region", { name, exact: true }).first();

  // The name, by keyboard; somebody else changes it meanwhile.
  const name = part("Name");
  await name.getByLabel("Name").fill(" ");
  await page.keyboard.press("Enter");
  await name.getByRole("alert").getByText("Some of it is not right yet.").waitFor();
  await name.getByLabel("Name").fill("Ada Lovelace");
  await page.keyboard.press("Enter");
  await name.getByRole("status").getByText("Saved.").waitFor();
  await page.getByRole("link", { name: "Ada Lovelace" }).waitFor();
  await name.getByLabel("Name").fill("Mine");
  await act(RENAME, { name: "Theirs" });
  await page.keyboard.press("Enter");
  await name.getByText("Meanwhile your name was changed to “Theirs”. You have typed “Mine”.").waitFor();
  await inspect(page, "account-conflict");
  await press(page, "Keep mine");
  await page.getByRole("link", { name: "Mine" }).waitFor();
  await name.getByLabel("Name").fill("Mine again");
  await act(RENAME, { name: "Theirs" });
  await page.keyboard.press("Enter");
  await press(page, "Take the other one");
  assert.equal(await name.getByLabel("Name").inputValue(), "Theirs");

  // Another address: what is refused, and the link that was mailed.
  const email = part("E-mail address");
  await press(page, "Send a link to confirm it");
  await email.getByRole("status").getByText(`A link is on its way to ${EMAIL}.`).waitFor();
  await email.getByText("Change the address").click();
  const ask_ = async (address, password) => {
    await email.getByLabel("New address").fill(address);
    await email.getByLabel("Password").fill(password);
    await press(page, "Send the link");
  };
  await ask_(EMAIL, PASSWORD);
  await email.getByText("This is the account's address already.").first().waitFor();
  await ask_("ada@example.com", "not it");
  await email.getByRole("alert").getByText("The password is wrong.").waitFor();
  assert.equal(await email.getByLabel("New address").inputValue(), "ada@example.com");
  await ask_("ada@example.com", PASSWORD);
  await email.getByRole("status").getByText("A link is on its way to ada@example.com.").waitFor();
  const other = await context.newPage();
  await openMailed(other);
  await press(other, "Confirm the address");
  await status(other, "ada@example.com is confirmed.");
  await other.close();
  await press(page, "Send a link to confirm it"); // the page does not know yet
  await email.getByText(/^Confirmed on/).waitFor();
  await email.getByText("ada@example.com", { exact: true }).waitFor();

  // Sessions: this one, and that of the test's world.
  const sessions = part("Sessions");
  await sessions.getByText("This one").waitFor();
  await sessions.getByRole("button", { name: "End", exact: true }).first().click();
  await sessions.getByRole("status").getByText("The session has ended.").waitFor();
  await sessions.getByRole("button", { name: "End", exact: true }).waitFor({ state: "detached" });
  assert.equal(await ask("log in elsewhere"), "done");
  await page.reload();
  await sessions.getByRole("button", { name: "End", exact: true }).waitFor();
  assert.equal(await ask("end other sessions"), "done");
  await sessions.getByRole("button", { name: "End", exact: true }).click();
  await sessions.getByRole("alert").getByText("This does not exist any more.").waitFor();
  await sessions.getByRole("button", { name: "End", exact: true }).waitFor({ state: "detached" });

  // What has happened, a page at a time.
  const events = part("Security events");
  await events.getByText("E-mail address changed").waitFor();
  await ask("many events");
  await page.reload();
  const rows = events.locator("tbody tr");
  await events.getByRole("button", { name: "Load more" }).click();
  await events.getByText("E-mail address changed").waitFor();
  assert.ok((await rows.count()) > 25);

  // The password: wrong, weak, good; too many tries say for how long to wait.
  const password = part("Change the password");
  const change = async (current, next) => {
    await password.getByLabel("Current password").fill(current);
    await password.getByLabel("New password").fill(next);
    await password.getByRole("button", { name: "Change the password" }).click();
  };
  await change("not it", NEW_PASSWORD);
  await password.getByRole("alert").getByText("The password is wrong.").waitFor();
  await change(PASSWORD, "short");
  await password.getByText("Use at least 8 characters.").first().waitFor();
  await change(PASSWORD, NEW_PASSWORD);
  await password.getByText("The password is changed, and 0 other sessions have ended.").waitFor();
  assert.equal(await password.getByLabel("Current password").inputValue(), "");
  const limited = password.getByRole("alert").getByText(/Too many attempts: wait \d+ seconds/);
  const wrong = password.getByRole("alert").getByText("The password is wrong.");
  while (!(await limited.isVisible())) {
    await change(`no ${Math.random()}`, NEW_PASSWORD);
    await password.locator("form[aria-busy=false]").waitFor();
    await limited.or(wrong).waitFor();
  }

  // German, and the end of all sessions.
  await page.getByLabel("Language").selectOption("de");
  await page.getByRole("heading", { name: "Ihr Konto" }).waitFor();
  await inspect(page, "account-german");
  await press(page, "Überall abmelden");
  await page.getByRole("heading", { name: "Anmelden" }).waitFor();
  assert.equal(await page.evaluate(() => localStorage.getItem("atrium-app-login")), null);
});
