// Changes are followed by an event stream; its token ends, the server is restarted and killed, and nothing is lost.
import assert from "node:assert/strict";
import { add, report, shown, until } from "./samples/app.ts";
import { BOARD, BOARD_CHANGES } from "./samples/documents.ts";
import { resuming } from "./samples/live.ts";
import { enter, graphql, tab } from "./samples/session.ts";
import { socket } from "./samples/socket.ts";
import { stream } from "./samples/stream.ts";
import { ask, beforeRefresh, createTask, session } from "./support.mjs";

const sink = { next: ({ data, errors }) => add(errors ?? data.taskChanged.task.title), error: report, complete() {} };
const expected = [];
async function seen(title, before = createTask) {
  expected.push(title);
  await before(title);
  await until(() => shown.includes(title));
  assert.deepEqual(shown, expected);
}

enter({ ...session, accessToken: await ask("short token") });
const variables = { after: (await graphql(BOARD)).data.feedCursor };
beforeRefresh(async () => shown.includes("between two tokens") || createTask("between two tokens"));
const stop = resuming(stream)({ query: BOARD_CHANGES, variables }, sink);
await seen("before the end");
await seen("between two tokens", () => {});
await ask("restart");
await seen("after the restart");
await ask("kill");
await seen("after the crash");

// A token is refused at once.
tab.accessToken = "refused";
stop();
const stopAgain = resuming(stream)({ query: BOARD_CHANGES, variables: { after: "0" } }, sink);
await until(() => shown.length === 2 * expected.length);
assert.deepEqual(shown, [...expected, ...expected]);

// One subscription of a session is allowed here; the second waits until the first is gone.
const refusals = [];
const refused = (errors) => errors?.[0].extensions.code === "RATE_LIMITED" && refusals.push(stopAgain());
const watched = {
  subscribe: (payload, { next, error, complete }) =>
    socket.subscribe(payload, {
      next: (result) => (refused(result.errors), next(result)),
      error: (errors) => (refused(errors), error(errors)),
      complete,
    }),
};
resuming(watched)({ query: BOARD_CHANGES, variables: { after: "0" } }, sink);
await until(() => shown.length === 3 * expected.length);
assert.ok(refusals.length > 0);
assert.deepEqual(shown, [...expected, ...expected, ...expected]);
process.exit();
