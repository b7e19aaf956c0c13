// Somebody leaves a tenant, and is removed from another one while they are in it.
import assert from "node:assert/strict";
import { openAs } from "./backoffice_support.mjs";
import { dialog, MEMBER_EMAIL, press } from "./members_support.mjs";
import { act, ask, scenario } from "./support.mjs";

await scenario(async (page, context) => {
  await openAs(page, "/members", { email: MEMBER_EMAIL });
  const tab = await context.newPage();
  await tab.goto(`${process.env.ADDRESS}/app/documents`);
  await tab.getByText("0 documents").waitFor();

  await press(page, "Leave this tenant");
  await press(dialog(page), "Cancel");
  await press(page, "Leave this tenant");
  await press(dialog(page), "Leave");
  await page.getByRole("heading", { name: "Choose a tenant" }).waitFor();
  await page.getByText(`${MEMBER_EMAIL} belongs to no tenant yet.`).waitFor();
  const { users } = await act(`{ users(filter: { isFormer: { eq: true }, fullName: { eq: "Member" } }) { totalCount } }`);
  assert.equal(users.totalCount, 1);

  // Another tab that was in the tenant leaves it with the next request.
  await tab.getByRole("link", { name: "Members" }).click();
  await tab.getByRole("heading", { name: "Choose a tenant" }).waitFor();

  // Back in, and removed by somebody else.
  await ask("join again");
  await page.reload();
  await press(page, "Acme member");
  await page.locator(".overview").waitFor();
  await ask("remove");
  await page.getByRole("link", { name: "Members" }).click();
  await page.getByText(`${MEMBER_EMAIL} belongs to no tenant yet.`).waitFor();
});
