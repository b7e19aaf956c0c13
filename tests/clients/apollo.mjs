// Apollo Client 4: query, mutation and subscription, a token that is refused, and errors by their interface.
import assert from "node:assert/strict";
import { gql } from "@apollo/client";
import { apollo } from "./samples/apollo.ts";
import { enter, tab } from "./samples/session.ts";
import { createTask, session } from "./support.mjs";

enter(session);
const TASKS = gql`query Tasks { tasks { nodes { id title } } }`;
const CREATE = gql`
  mutation Create($title: String!) {
    createTask(input: { title: $title }) { ... on Task { id title } ... on Error { code message } }
  }
`;
const CHANGES = gql`subscription Changes($after: String) { taskChanged(after: $after) { cursor task { id title } } }`;

const created = await apollo.mutate({ mutation: CREATE, variables: { title: "made by Apollo" } });
assert.equal(created.data.createTask.title, "made by Apollo");
const refused = await apollo.mutate({ mutation: CREATE, variables: { title: "" } });
assert.equal(refused.data.createTask.code, "BAD_USER_INPUT");
const { tasks } = (await apollo.query({ query: TASKS })).data;
assert.deepEqual(tasks.nodes.map(({ title }) => title), ["made by Apollo"]);

tab.accessToken = "refused";
const again = await apollo.query({ query: TASKS, fetchPolicy: "network-only" });
assert.equal(again.data.tasks.nodes.length, 1);
assert.notEqual(tab.accessToken, "refused");

await createTask("to follow");
await new Promise((resolve, reject) => {
  apollo.subscribe({ query: CHANGES, variables: { after: "0" } }).subscribe({
    next: ({ data, error }) => {
      if (error) reject(error);
      else if (data.taskChanged.task.title === "to follow") resolve();
    },
    error: reject,
  });
});
process.exit();
