// A login: it ends in the middle of a form, in another tab, or by somebody else's; it is taken over, and outlasts a reload.
import assert from "node:assert/strict";
import { alert, EMAIL, fill, inShell, logInAs, OTHER_EMAIL, PASSWORD, press, tokenOf } from "./account_support.mjs";
import { address, ask, scenario, shoot } from "./support.mjs";
import { inspect, openAs } from "./backoffice_support.mjs";

const dialog = (page) => page.getByRole("dialog", { name: "Your session has ended" });
const refreshOf = (page) => page.waitForResponse((answer) => answer.request().postData()?.includes("mutation Refresh("));

await scenario(async (page, context) => {
  await page.clock.install();
  await openAs(page, "/account");
  const name = page.getByRole("region", { name: "Name", exact: true });
  await name.getByLabel("Name").waitFor();

  // Refreshed when due, and kept by a reload.
  const first = await tokenOf(page);
  let refreshed = refreshOf(page);
  await page.clock.fastForward("29:30");
  await refreshed;
  await page.waitForFunction((old) => !sessionStorage.getItem("atrium-app-session").includes(old), first);
  const second = await tokenOf(page);
  await page.reload();
  await name.getByLabel("Name").waitFor();
  assert.equal(await tokenOf(page), second);

  // It ends while something is typed; the wrong password, and the right one.
  await name.getByLabel("Name").fill("Half a na");
  await ask("end sessions");
  await press(page, "Save");
  await dialog(page).waitFor();
  assert.equal(await dialog(page).getByLabel("E-mail address").inputValue(), EMAIL);
  assert.ok(await dialog(page).getByLabel("Password").evaluate((field) => field === document.activeElement));
  await inspect(page, "login-dialog");
  await page.keyboard.type("not it");
  await page.keyboard.press("Enter");
  await dialog(page).getByRole("alert").getByText("The e-mail address or the password is wrong.").waitFor();
  await dialog(page).getByLabel("Password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await dialog(page).waitFor({ state: "detached" });
  assert.equal(await name.getByLabel("Name").inputValue(), "Half a na");
  await name.getByLabel("Name").fill("A whole name");
  await press(page, "Save");
  await name.getByRole("status").getByText("Saved.").waitFor();

  // A new tab takes the login over; whoever logs out in it ends this one, where nothing is lost.
  const tab = await context.newPage();
  await tab.goto(`${address}/app/`);
  await inShell(tab);
  await name.getByLabel("Name").fill("Still here");
  await press(tab, "Log out");
  await dialog(page).getByText("You have logged out in another tab.").waitFor();
  await tab.getByRole("heading", { name: "Log in" }).waitFor();

  // Somebody else there is nobody here; and who logs in again here ends them there.
  await logInAs(tab, OTHER_EMAIL);
  await inShell(tab);
  await dialog(page).getByLabel("Password").fill(PASSWORD);
  await dialog(page).getByRole("button", { name: "Log in" }).click();
  await dialog(page).waitFor({ state: "detached" });
  assert.equal(await name.getByLabel("Name").inputValue(), "Still here");
  await dialog(tab).getByText("Somebody else has logged in in another tab.").waitFor();

  // Who gives that up is not logged in there, and is here.
  await dialog(tab).getByRole("button", { name: "Leave the page and what was typed" }).click();
  await tab.getByRole("heading", { name: "Log in" }).waitFor();
  await press(page, "Save");
  await name.getByRole("status").getByText("Saved.").waitFor();

  // A login here is one in tabs where nobody is logged in.
  await press(page, "Log out");
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await logInAs(tab, OTHER_EMAIL);
  await inShell(tab);
  await page.getByRole("link", { name: "Member", exact: true }).waitFor();
});

// Without a network nothing is tried and nothing is lost; back in it, the page asks again.
await scenario(async (page, context) => {
  await openAs(page, "/account");
  const name = page.getByRole("region", { name: "Name", exact: true });
  await name.getByLabel("Name").fill("Typed offline");
  await context.setOffline(true);
  await page.getByText("There is no network.").waitFor();
  await press(page, "Save");
  await name.getByRole("alert").getByText("The server does not answer.").waitFor();
  await shoot(page, "offline");
  await page.getByRole("link", { name: "Atrium" }).click();
  await page.getByRole("alert").getByText("The server does not answer.").waitFor();
  await page.goBack();
  const asked = page.waitForRequest((request) => request.postData()?.includes("AccountPage"));
  await context.setOffline(false);
  await asked;
  await page.getByText("There is no network.").waitFor({ state: "detached" });
  await name.getByLabel("Name").fill("Typed online");
  await press(page, "Save");
  await name.getByRole("status").getByText("Saved.").waitFor();
  await press(page, "Log out");

  // Too many tries say for how long to wait.
  const limited = page.getByRole("alert").getByText(/Too many attempts: wait \d+ seconds/);
  const wrong = page.getByRole("alert").getByText("The e-mail address or the password is wrong.");
  while (!(await limited.isVisible())) {
    await logInAs(page, OTHER_EMAIL, "not it");
    await page.locator("form[aria-busy=false]").waitFor();
    await limited.or(wrong).waitFor();
  }
  await alert(page, /wait \d+ seconds/);
});
