// urql with its default options: queries by GET and POST, mutations, subscriptions by WebSocket and by event streams.
import assert from "node:assert/strict";
import { Client, fetchExchange, gql } from "@urql/core";
import { ENDPOINT } from "./samples/app.ts";
import { resuming } from "./samples/live.ts";
import { enter, tab } from "./samples/session.ts";
import { stream } from "./samples/stream.ts";
import { urql } from "./samples/urql.ts";
import { createTask, session } from "./support.mjs";

enter(session);
tab.expiresAt = ""; // the sample's authExchange has to refresh first
const TASKS = gql`query Tasks { tasks { nodes { id title } } }`;
const CREATE = gql`
  mutation Create($title: String!) {
    createTask(input: { title: $title }) { ... on Task { id title } ... on Error { code message } }
  }
`;
const CHANGES = gql`subscription Changes($after: String) { taskChanged(after: $after) { cursor task { id title } } }`;

const created = await urql.mutation(CREATE, { title: "made by urql" });
assert.equal(created.error, undefined);
assert.equal(created.data.createTask.title, "made by urql");
assert.equal((await urql.mutation(CREATE, { title: "" })).data.createTask.code, "BAD_USER_INPUT");
assert.notEqual(tab.accessToken, session.accessToken);

for (const preferGetMethod of [undefined, false]) {
  const { data, error } = await urql.query(TASKS, {}, { preferGetMethod, requestPolicy: "network-only" });
  assert.equal(error, undefined);
  assert.deepEqual(data.tasks.nodes.map(({ title }) => title), ["made by urql"]);
}
// A token that is refused is replaced, and the query sent again.
tab.accessToken = "refused";
assert.equal((await urql.query(TASKS, {}, { requestPolicy: "network-only" })).data.tasks.nodes.length, 1);

// Begins behind a cursor from before, so nothing depends on when it begins. None is stopped: urql would abort its stream,
// which Node reports as an error that nobody handles.
const first = (subscribe, title) =>
  new Promise((resolve, reject) => {
    subscribe((result) => {
      if (result.error ?? result.errors) reject(result.error ?? result.errors);
      else if (result.data.taskChanged.task.title === title) resolve();
    }, reject);
  });

await createTask("by WebSocket");
await first((next) => urql.subscription(CHANGES, { after: "0" }).subscribe(next), "by WebSocket");

const fetchOptions = () => ({ headers: { authorization: `Bearer ${tab.accessToken}` } });
const streaming = new Client({ url: ENDPOINT, exchanges: [fetchExchange], fetchSubscriptions: true, fetchOptions });
await createTask("by urql's own stream");
await first((next) => streaming.subscription(CHANGES, { after: "0" }).subscribe(next), "by urql's own stream");

await createTask("by graphql-sse");
const query = "subscription Changes($after: String) { taskChanged(after: $after) { cursor task { title } } }";
const payload = { query, variables: { after: "0" } };
await first((next, error) => resuming(stream)(payload, { next, error, complete() {} }), "by graphql-sse");
process.exit();
