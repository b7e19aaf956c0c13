// Replicas lag behind; who sends the position of the last change back reads what was written.
import assert from "node:assert/strict";
import { enter, graphql } from "./samples/session.ts";
import { act, session } from "./support.mjs";

enter(session);
const CREATE = "mutation($title: String!) { createTask(input: { title: $title }) { ... on Task { id } } }";
const READ = "query($id: ID!) { task(id: $id) { title } }";

for (const title of ["one", "two", "three"]) {
  const { id } = (await graphql(CREATE, { title })).data.createTask;
  assert.equal((await act(READ, { id }, session.accessToken)).task, null, "without a position the replica answers");
  assert.deepEqual((await graphql(READ, { id })).data.task, { title });
}
process.exit();
