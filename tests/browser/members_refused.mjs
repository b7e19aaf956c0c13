// What admins and members may not do with members, and refusals that no button leads to.
import assert from "node:assert/strict";
import { openAs } from "./backoffice_support.mjs";
import { ADMIN_EMAIL, alert, askFor, close, dialog, giveRole, member, MEMBER_EMAIL, press, remove, status, tamper } from "./members_support.mjs";
import { scenario } from "./support.mjs";

const { ADMIN, SECOND_OWNER, PERSON_1, PERSON_2, PERSON_3 } = process.env;
const NO_RIGHT = "You have no right to do this.";
const LAST_OWNER = "A tenant keeps at least one owner: appoint another one first.";

// Owners are none of an admin's business, also those who have become one meanwhile.
await scenario(async (page) => {
  await openAs(page, "/members", { email: ADMIN_EMAIL });
  await member(page, "Owner").waitFor();
  assert.equal(await member(page, "Owner").getByRole("button").count(), 0);
  assert.deepEqual(await member(page, "Admin").getByRole("button").allTextContents(), ["Change role", "Remove"]);
  await askFor(page, "Change role", "Person-01");
  assert.deepEqual(await dialog(page).locator("option").allTextContents(), ["member", "admin"]);
  await giveRole(PERSON_1, "OWNER");
  await press(dialog(page), "Change role");
  await alert(dialog(page), NO_RIGHT);
  await close(page);
  for (const [action, name, id] of [["Remove", "Person-02", PERSON_2], ["Deactivate", "Person-03", PERSON_3]]) {
    await askFor(page, action, name);
    await giveRole(id, "OWNER");
    await press(dialog(page), action);
    await alert(dialog(page), NO_RIGHT);
    await close(page);
  }
  for (const id of [PERSON_1, PERSON_2, PERSON_3]) await giveRole(id, "MEMBER");

  // No button shuts oneself out, or all owners.
  await page.reload();
  await askFor(page, "Deactivate", "Person-04");
  await tamper(page, "SetUsersActive", { ids: [ADMIN] });
  await press(dialog(page), "Deactivate");
  await alert(dialog(page), "You cannot shut yourself out.");
  await page.route("**/graphql", async (route) => {
    if (route.request().postDataJSON().operationName !== "SetUsersActive") return route.fallback();
    const setUsersActive = { __typename: "IllegalTransition", code: "ILLEGAL_TRANSITION", message: "" };
    await route.fulfill({ json: { data: { setUsersActive } } });
  }, { times: 1 });
  await press(dialog(page), "Deactivate");
  await alert(dialog(page), LAST_OWNER);
  await press(dialog(page), "Deactivate");
  await status(page, "Person-04 is deactivated.");
});

// Who removes the last but one owner while that one leaves.
await scenario(async (page) => {
  await openAs(page, "/members?role=OWNER");
  await page.getByText("2 members").waitFor();
  await press(page, "Leave this tenant");
  await remove(SECOND_OWNER);
  await press(dialog(page), "Leave");
  await alert(dialog(page), "You are the last owner of Acme, and cannot leave");
  await close(page);
  await askFor(page, "Remove", "Owner");
  await press(dialog(page), "Remove");
  await alert(dialog(page), LAST_OWNER);
});

// Members see who is there, without addresses but their own, and nothing to change.
await scenario(async (page) => {
  await openAs(page, "/members", { email: MEMBER_EMAIL });
  await member(page, "Member").getByText(MEMBER_EMAIL).waitFor();
  assert.equal(await page.getByText("@acme.example.com").count(), 1);
  assert.equal(await page.locator("[data-member] button").count(), 0);
  assert.equal(await page.getByRole("button", { name: "Invite" }).count(), 0);
  assert.equal(await page.getByRole("link", { name: "Invitations" }).count(), 0);
  assert.equal(await page.getByRole("link", { name: "API keys" }).count(), 0);
  await page.getByRole("searchbox", { name: "Search names", exact: true }).fill("@");
  await page.keyboard.press("Enter");
  await page.getByText("0 members").waitFor();
  for (const path of ["/members/invitations", "/audit"]) {
    await page.goto(`${process.env.ADDRESS}/app${path}`);
    await alert(page, NO_RIGHT);
  }
});
