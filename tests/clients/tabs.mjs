// Two tabs of a browser share one refresh token; each stays logged in, and in its own tenant.
import assert from "node:assert/strict";
import * as firstApp from "./samples/app.ts";
import * as secondApp from "./other-tab/app.ts";
import * as first from "./samples/session.ts";
import * as second from "./other-tab/session.ts";
import { beforeRefresh, session } from "./support.mjs";

const tabs = [first, second];
const viewed = async (tab) => (await tab.graphql("{ viewer { tenant { slug } } }")).data.viewer.tenant.slug;

first.enter(session);
second.enter(session);
second.tab.tenant = "globex";
const refreshTokens = new Set([session.refreshToken]);

async function refreshedBy(...which) {
  for (const { tab } of which) tab.expiresAt = "2000-01-01T00:00:00Z";
  const slugs = await Promise.all(which.map(viewed));
  refreshTokens.add(localStorage.getItem("atrium-refresh-token"));
  return slugs;
}

// One after the other, each with the token that is stored by then.
for (const round of [1, 2]) {
  assert.deepEqual(await refreshedBy(first), ["acme"]);
  assert.deepEqual(await refreshedBy(second), ["globex"]);
  assert.equal(refreshTokens.size, 1 + 2 * round);
}
// Both at once.
assert.deepEqual(await refreshedBy(...tabs), ["acme", "globex"]);

// Without locks: the second tab has read the token, and sends it some seconds after the first has used it.
if (process.env.LATE_SECONDS) {
  const late = Number(process.env.LATE_SECONDS);
  let refreshes = 0;
  let firstIsDone;
  const done = new Promise((resolve) => (firstIsDone = resolve));
  beforeRefresh(async () => {
    if (++refreshes !== 2) return;
    await done;
    await new Promise((resolve) => setTimeout(resolve, 1000 * late));
  });
  const [slugs] = await Promise.all([refreshedBy(first).finally(firstIsDone), refreshedBy(second)]);
  assert.deepEqual(slugs, ["acme"]);
  assert.equal(refreshes, 2);
}
assert.deepEqual([...firstApp.shown, ...secondApp.shown], []);

// The session is over: both are asked to log in, and nothing else is sent.
await first.graphql("mutation { logout { count } }");
for (const { tab, graphql } of tabs) {
  tab.expiresAt = "";
  await assert.rejects(graphql("{ viewer { email } }"));
}
assert.deepEqual([...firstApp.shown, ...secondApp.shown], ["login", "login"]);
process.exit();
