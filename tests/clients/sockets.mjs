// A page is loaded and followed on a WebSocket; its token ends, and nothing that happens meanwhile is lost.
import assert from "node:assert/strict";
import { shown, until } from "./samples/app.ts";
import { openBoard } from "./samples/board.ts";
import { enter, tab } from "./samples/session.ts";
import { socket } from "./samples/socket.ts";
import { ask, beforeRefresh, createTask, session } from "./support.mjs";

const titles = () => shown.filter((one) => one.change).map(({ change }) => change.task.title);
const codes = [];
socket.on("closed", ({ code }) => codes.push(code));

await createTask("on the page");
// The token ends in seconds. The tab takes it for good, as where the clock of a machine is behind.
enter({ ...session, accessToken: await ask("short token") });
const ending = tab.accessToken;
let refreshes = 0;
beforeRefresh(async () => ++refreshes === 1 && createTask("while nobody is connected"));

const stop = await openBoard();
assert.deepEqual(shown[0].rows.map(({ title }) => title), ["on the page"]);
await createTask("before the end");
await until(() => titles().includes("while nobody is connected"));
assert.deepEqual(codes, [4403]);
assert.notEqual(tab.accessToken, ending);

await createTask("afterwards");
await until(() => titles().includes("afterwards"));
assert.deepEqual(titles(), ["before the end", "while nobody is connected", "afterwards"]);

// The server is restarted; until it is there again every attempt to connect fails.
await ask("restart");
await createTask("after the restart");
await until(() => titles().includes("after the restart"));
assert.deepEqual(titles(), ["before the end", "while nobody is connected", "afterwards", "after the restart"]);
assert.equal(codes[1], 1012);

// A role that changes makes the token stale.
const stale = tab.accessToken;
await ask("other role");
await createTask("in another role");
await until(() => titles().includes("in another role"));
assert.notEqual(tab.accessToken, stale);
assert.equal(titles().length, 5);
assert.deepEqual(shown.filter((one) => !one.change), [{ rows: shown[0].rows }]);

// The end of the session is the end of the subscription, and nothing goes on trying.
await ask("end session");
await until(() => shown.some((one) => one.error));
assert.ok(shown.includes("login"));
assert.equal(shown.at(-1).error.constructor.name, "LoggedOut");
stop();
process.exit();
