// Members: found, given roles, deactivated and removed, by mouse and by keyboard.
import assert from "node:assert/strict";
import { inspect, openAs, watchOperations } from "./backoffice_support.mjs";
import { alert, askFor, close, dialog, giveRole, member, MEMBER_EMAIL, press, remove, status } from "./members_support.mjs";
import { scenario } from "./support.mjs";

const { SECOND_OWNER, PERSON_1, PERSON_2, PERSON_3 } = process.env;
const search = (page) => page.getByRole("searchbox", { name: "Search names or addresses (@)" });

await scenario(async (page) => {
  const operations = watchOperations(page);
  await openAs(page, "/members");
  await page.getByText("37 members").waitFor();
  assert.deepEqual(operations().slice(-1), ["MembersPage"]);
  assert.equal(await page.locator("[data-member]").count(), 30);
  await press(page, "Load more");
  await member(page, "Person-32").waitFor();
  assert.deepEqual(operations(), ["MoreMembers"]);
  await inspect(page, "members");

  // Filters are in the address: a link, a reload and "back" lead to them.
  await search(page).fill("person-3");
  await page.keyboard.press("Enter");
  await page.getByText("4 members").waitFor();
  await search(page).fill("member@acme");
  await page.keyboard.press("Enter");
  await page.getByText("1 member", { exact: true }).waitFor();
  await page.reload();
  await member(page, "Member").getByText(MEMBER_EMAIL).waitFor();
  await page.goBack();
  await page.getByText("4 members").waitFor();
  await search(page).fill("");
  await page.keyboard.press("Enter");
  await page.getByLabel("Role", { exact: true }).selectOption("OWNER");
  await page.getByText("2 members").waitFor();
  await page.getByLabel("Role", { exact: true }).selectOption("");
  await page.getByLabel("State").selectOption("former");
  await member(page, "Removed").getByText("Former").waitFor();
  assert.equal(await member(page, "Removed").getByRole("button").count(), 0);
  await page.getByLabel("State").selectOption("");

  // By the keyboard alone: another role, after a look at what it allows.
  await page.getByRole("button", { name: "Change role: Member", exact: true }).press("Enter");
  await dialog(page).getByText("May write tasks").waitFor();
  await inspect(page, "member-role");
  await page.keyboard.press("a"); // Admin
  await dialog(page).getByText("read the audit log").waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await status(page, "Member has the role: admin.");
  await member(page, "Member").getByText("admin", { exact: true }).waitFor();

  await askFor(page, "Deactivate", "Member");
  await press(dialog(page), "Deactivate");
  await status(page, "Member is deactivated.");
  await member(page, "Member").getByText("Deactivated").waitFor();
  await page.getByLabel("State").selectOption("inactive");
  await page.getByText("1 member", { exact: true }).waitFor();
  await askFor(page, "Activate", "Member");
  await press(dialog(page), "Activate");
  await page.getByText("0 members").waitFor();
  await page.getByLabel("State").selectOption("");

  await askFor(page, "Remove", "Member");
  await inspect(page, "member-remove");
  await press(dialog(page), "Cancel");
  await askFor(page, "Remove", "Member");
  await press(dialog(page), "Remove");
  await status(page, "Member is no member any more.");
  await page.getByText("36 members").waitFor();
  assert.equal(await member(page, "Member").count(), 0);

  // Changed by somebody else meanwhile: a choice.
  await search(page).fill("person-0");
  await page.keyboard.press("Enter");
  await askFor(page, "Change role", "Person-01");
  await dialog(page).getByLabel("Role").selectOption("ADMIN");
  await giveRole(PERSON_1, "OWNER");
  await press(dialog(page), "Change role");
  await dialog(page).getByText("Person-01 was changed meanwhile, and is now: owner, Active. You have chosen: admin.").waitFor();
  await inspect(page, "member-conflict");
  await press(dialog(page), "Keep mine");
  await status(page, "Person-01 has the role: admin.");
  await askFor(page, "Change role", "Person-01");
  await dialog(page).getByLabel("Role").selectOption("OWNER");
  await giveRole(PERSON_1, "MEMBER");
  await press(dialog(page), "Change role");
  await press(dialog(page), "Take theirs");
  await member(page, "Person-01").getByText("member", { exact: true }).waitFor();

  // Gone meanwhile.
  await askFor(page, "Change role", "Person-01");
  await remove(PERSON_1);
  await press(dialog(page), "Change role");
  await alert(dialog(page), "This does not exist any more.");
  await close(page);
  await askFor(page, "Remove", "Person-02");
  await remove(PERSON_2);
  await press(dialog(page), "Remove");
  await alert(dialog(page), "This was not changed");
  await close(page);
  await askFor(page, "Deactivate", "Person-03");
  await remove(PERSON_3);
  await press(dialog(page), "Deactivate");
  await alert(dialog(page), "This was not changed");
  await close(page);
  assert.equal(await member(page, "Person-03").count(), 0);

  // A tenant keeps an owner: the last one is offered nothing, and refused where another one went meanwhile.
  await search(page).fill("owner");
  await page.keyboard.press("Enter");
  await page.getByText("2 members").waitFor();
  await askFor(page, "Change role", "Owner");
  await dialog(page).getByLabel("Role").selectOption("MEMBER");
  await remove(SECOND_OWNER);
  await press(dialog(page), "Change role");
  await alert(dialog(page), "A tenant keeps at least one owner: appoint another one first.");
  await close(page);
  await page.getByText("You are the last owner of Acme, and cannot leave").waitFor();
  await member(page, "Owner").waitFor();
  assert.equal(await member(page, "Owner").getByRole("button").count(), 0);
  assert.equal(await page.getByRole("button", { name: "Leave this tenant" }).count(), 0);
});
