// Pages for who is not logged in: a forgotten password, a registration, a first tenant, a confirmed address.
import assert from "node:assert/strict";
import { inspect } from "./backoffice_support.mjs";
import { alert, EMAIL, fill, inShell, logInAs, NEW_PASSWORD, openMailed, PASSWORD, press, status } from "./account_support.mjs";
import { address, act, scenario } from "./support.mjs";

await scenario(async (page) => {
  await page.goto(`${address}/app/account`);
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await inspect(page, "login");
  await logInAs(page, EMAIL, "not it");
  await alert(page, "The e-mail address or the password is wrong.");
  assert.equal(await page.getByLabel("E-mail address").inputValue(), EMAIL);

  // A forgotten password.
  await page.getByRole("link", { name: "Forgotten your password?" }).click();
  await fill(page, { "E-mail address": EMAIL });
  await inspect(page, "forgot-password");
  await page.locator("form").evaluate((form) => {
    form.requestSubmit();
    form.requestSubmit();
  });
  await status(page, "If owner@acme.example.com has an account");
  await openMailed(page);
  await fill(page, { "New password": "short" });
  await press(page, "Set the password");
  await page.getByText("Use at least 8 characters.").first().waitFor();
  await inspect(page, "reset-password");
  await fill(page, { "New password": NEW_PASSWORD });
  await press(page, "Set the password");
  await status(page, "Your new password is set");
  await page.reload();
  await fill(page, { "New password": NEW_PASSWORD });
  await press(page, "Set the password");
  await alert(page, "This link is used, or too old.");
  await page.goto(`${address}/app/reset-password`);
  await page.getByText("This link is not whole.").waitFor();
  await page.getByRole("link", { name: "Ask for a new link" }).click();
  await page.getByRole("link", { name: "To the login" }).click();
  await logInAs(page, EMAIL, NEW_PASSWORD);
  await inShell(page);
  await press(page, "Log out");

  // A new account: what is refused, and what was typed is still there.
  await page.getByRole("link", { name: "Register" }).click();
  await fill(page, { Name: "Grace Hopper", "E-mail address": EMAIL, Password: "short" });
  await press(page, "Register");
  await page.getByText("Use at least one digit.").first().waitFor();
  await inspect(page, "register");
  await fill(page, { Password: PASSWORD });
  await press(page, "Register");
  await alert(page, "This is already in use.");
  await fill(page, { "E-mail address": "grace@example.com" });
  await press(page, "Register");
  await page.getByText("grace@example.com belongs to no tenant yet.").waitFor();

  // Her first tenant.
  await page.getByText("Create a tenant").click();
  await fill(page, { Name: "Hopper & Söhne" });
  assert.equal(await page.getByLabel("Short name").inputValue(), "hopper-sohne");
  await fill(page, { "Short name": "not valid!" });
  await press(page, "Create");
  await page.getByText("A slug is 1 to 50 of").first().waitFor();
  await inspect(page, "tenants-none");
  await fill(page, { "Short name": "acme" });
  await press(page, "Create");
  await alert(page, "This is already in use.");
  await fill(page, { "Short name": "hopper" });
  await press(page, "Create");
  await inShell(page);

  // Her address is confirmed by the link that the registration mailed.
  await openMailed(page);
  await page.getByRole("button", { name: "Confirm the address" }).waitFor();
  await inspect(page, "verify-email");
  await press(page, "Confirm the address");
  await status(page, "grace@example.com is confirmed.");
  await page.getByRole("link", { name: "To your account" }).click();
  await page.getByText(/^Confirmed on/).waitFor();
  await page.goBack();
  await page.getByRole("button", { name: "Confirm the address" }).click();
  await alert(page, "This link is used, or too old.");
});

// An invitation of somebody who has no account: the token outlasts the registration.
await scenario(async (page) => {
  const INVITE = `mutation($email: String!) { inviteMember(input: { email: $email, role: ADMIN }) { __typename ... on Error { message } } }`;
  const { inviteMember } = await act(INVITE, { email: "new@example.com" }, process.env.ADMIN_TOKEN);
  assert.equal(inviteMember.__typename, "Invitation", JSON.stringify(inviteMember));
  await openMailed(page);
  await page.getByText("Log in with the address that is invited").waitFor();
  await inspect(page, "accept-invitation");
  await press(page, "Register");
  await fill(page, { Name: "New Person", "E-mail address": "new@example.com", Password: PASSWORD });
  await page.locator("form").getByRole("button", { name: "Register" }).click();
  await press(page, "Accept the invitation");
  await inShell(page);
  await page.getByRole("combobox", { name: "Tenant" }).getByText("Acme (admin)").waitFor({ state: "attached" });
  const link = await page.evaluate(() => location.href);
  assert.equal(link, `${address}/app/`);

  // One that is meant for somebody else.
  await act(INVITE, { email: "outsider@example.com" }, process.env.ADMIN_TOKEN);
  await openMailed(page);
  await press(page, "Accept the invitation");
  await alert(page, "This link is used, or too old.");
  await press(page, "Use another account");
  await logInAs(page, "outsider@example.com");
  await page.getByText("You are logged in as outsider@example.com").waitFor();
  await page.goto(`${address}/app/`);
  await page.getByText("As admin, until").waitFor();
  await inspect(page, "tenants-invited");
  await page.goBack();
  await press(page, "Accept the invitation");
  await inShell(page);
});
