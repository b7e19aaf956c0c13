// What scenarios of the members' pages share.
import assert from "node:assert/strict";
import { act } from "./support.mjs";

export const { PASSWORD, MEMBER_EMAIL, ADMIN_EMAIL } = process.env;
export const dialog = (page) => page.getByRole("dialog");
export const press = (scope, name) => scope.getByRole("button", { name, exact: true }).click();
export const alert = (scope, text) => scope.getByRole("alert").filter({ hasText: text }).waitFor();
export const status = (scope, text) => scope.getByRole("status").filter({ hasText: text }).waitFor();
export const close = (page) => press(dialog(page), "Close");
export const member = (page, name) =>
  page.locator("[data-member]").filter({ has: page.getByRole("heading", { name: new RegExp(`^${name}( You)?$`) }) });

/** Asks for what is done to a member, in the dialog that the row's button opens. */
export const askFor = (page, action, name) => press(page, `${action}: ${name}`);

const ROLE = `mutation($id: ID!, $role: Role!) { changeMemberRole(input: { id: $id, role: $role }) { __typename } }`;
const REMOVE = `mutation($id: ID!) { removeMember(input: { id: $id }) { __typename } }`;

export async function giveRole(id, role) {
  assert.equal((await act(ROLE, { id, role })).changeMemberRole.__typename, "User");
}

export async function remove(id) {
  assert.equal((await act(REMOVE, { id })).removeMember.__typename, "User");
}

/** Changes the variables of an operation on its way, as if the page had been out of date when it sent them. */
export async function tamper(page, name, variables) {
  await page.route("**/graphql", async (route) => {
    const sent = route.request().postDataJSON();
    if (sent.operationName !== name) return route.fallback();
    const postData = { ...sent, variables: { ...sent.variables, ...variables } };
    await route.continue({ postData });
  }, { times: 1 });
}
