// Invitations: sent, copied as links, and revoked.
import assert from "node:assert/strict";
import { inspect, openAs, watchOperations } from "./backoffice_support.mjs";
import { ADMIN_EMAIL, alert, close, dialog, giveRole, MEMBER_EMAIL, press, status } from "./members_support.mjs";
import { act, address, scenario } from "./support.mjs";

const INVITE = `mutation($email: String!) { inviteMember(input: { email: $email }) { ... on Invitation { id } } }`;
const REVOKE = `mutation($id: ID!) { revokeInvitation(input: { id: $id }) { __typename } }`;
const NO_RIGHT = "You have no right to do this.";
const ids = {};

for (let number = 1; number <= 31; number++) {
  const email = `guest-${number}@example.com`;
  ids[email] = (await act(INVITE, { email })).inviteMember.id;
}

await scenario(async (page) => {
  const operations = watchOperations(page);
  await openAs(page, "/members/invitations");
  await page.getByText("31 open invitations").waitFor();
  assert.deepEqual(operations().slice(-1), ["InvitationsPage"]);
  await press(page, "Load more");
  await page.getByRole("heading", { name: "guest-1@example.com", exact: true }).waitFor();
  assert.deepEqual(operations(), ["MoreInvitations"]);
  await page.getByRole("searchbox").fill("guest-3");
  await page.keyboard.press("Enter");
  await page.getByText("3 open invitations").waitFor();
  await inspect(page, "invitations");

  // By the keyboard alone, with an address that is none, one that is a member's, and a good one.
  await page.getByRole("button", { name: "Invite", exact: true }).press("Enter");
  await page.keyboard.type("guest@nowhere");
  await page.keyboard.press("Enter");
  await dialog(page).locator(".wrong").waitFor();
  assert.equal(await dialog(page).getByLabel("E-mail address").inputValue(), "guest@nowhere");
  await dialog(page).getByLabel("E-mail address").fill(MEMBER_EMAIL);
  await page.keyboard.press("Enter");
  await alert(dialog(page), "This person is a member already.");
  await inspect(page, "invite");
  await dialog(page).getByLabel("E-mail address").fill("guest-33@example.com");
  await dialog(page).getByLabel("Role").selectOption("OWNER");
  await press(dialog(page), "Send the invitation");
  await status(dialog(page), "The invitation is on its way to guest-33@example.com.");
  await inspect(page, "invited");
  assert.ok(await dialog(page).getByRole("button", { name: "Copy" }).evaluate((button) => button === document.activeElement));
  await page.keyboard.press("Enter");
  await status(dialog(page), "Copied.");
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.ok(link.startsWith(`${address}/app/accept-invitation#token=inv.`), link);
  await press(dialog(page), "Done");
  await page.getByText("4 open invitations").waitFor();

  await press(page, "Revoke: guest-33@example.com");
  await press(dialog(page), "Cancel");
  await press(page, "Revoke: guest-33@example.com");
  await press(dialog(page), "Revoke");
  await status(page, "The invitation of guest-33@example.com is revoked.");
  await page.getByText("3 open invitations").waitFor();

  await press(page, "Revoke: guest-30@example.com");
  await act(REVOKE, { id: ids["guest-30@example.com"] });
  await press(dialog(page), "Revoke");
  await alert(dialog(page), "This invitation is not open any more");
  await close(page);
  await page.getByText("2 open invitations").waitFor();
});

// An admin invites no owners, and nobody once they are no admin any more.
await scenario(async (page) => {
  await openAs(page, "/members/invitations", { email: ADMIN_EMAIL });
  await press(page, "Revoke: guest-29@example.com");
  await giveRole(process.env.ADMIN, "MEMBER");
  await press(dialog(page), "Revoke");
  await alert(dialog(page), NO_RIGHT);
  await giveRole(process.env.ADMIN, "ADMIN");
  await page.reload();
  await press(page, "Invite");
  assert.deepEqual(await dialog(page).locator("option").allTextContents(), ["member", "admin"]);
  await dialog(page).getByLabel("E-mail address").fill("late@example.com");
  await giveRole(process.env.ADMIN, "MEMBER");
  await press(dialog(page), "Send the invitation");
  await alert(dialog(page), NO_RIGHT);
  assert.equal(await dialog(page).getByLabel("E-mail address").inputValue(), "late@example.com");
});
