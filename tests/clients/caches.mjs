// Every query of the schema, and every type of Node, through the caches that keep objects by their ids: what each
// gives back is what the server answered, and no cache complains of a key or a type that it was not told.
import assert from "node:assert/strict";
import { fetchQuery } from "react-relay";
import * as generated from "./samples/gql/graphql.ts";
import { apollo } from "./samples/apollo.ts";
import { environment } from "./samples/environment.ts";
import { enter } from "./samples/session.ts";
import { urql } from "./samples/urql.ts";
import { ask } from "./support.mjs";

const complaints = [];
for (const level of ["warn", "error"]) console[level] = (...parts) => complaints.push(parts.join(" "));

const { token, ids } = JSON.parse(await ask("everything"));
enter({ accessToken: token, refreshToken: null, expiresAt: "2999-01-01T00:00:00Z", tenant: null });

const given = { id: ids.Task, ids: Object.values(ids), query: "title", prefix: "t", number: 1001 };
const calls = [];
for (const document of Object.values(generated)) {
  const definition = document.definitions?.find(({ kind }) => kind === "OperationDefinition");
  if (definition?.operation !== "query" || !definition.name.value.startsWith("Every")) continue;
  const needed = (definition.variableDefinitions ?? []).filter(({ type }) => type.kind === "NonNullType");
  const names = needed.map(({ variable }) => variable.name.value);
  const variables = Object.fromEntries(names.map((name) => [name, given[name]]));
  const name = definition.name.value;
  const artifact = `./samples/__generated__/${name.replace("Every", "everyForRelay")}Query.graphql.ts`;
  calls.push({ name, document, request: (await import(artifact)).default, variables });
}
const everyNode = calls.find(({ name }) => name === "EveryNode");
for (const [type, id] of Object.entries(ids)) calls.push({ ...everyNode, name: type, variables: { id } });
for (const call of calls) {
  const type = call.name.replace("Every", "");
  if (call !== everyNode && "id" in call.variables && type in ids) call.variables = { id: ids[type] };
}

let seen = 0;
for (const { name, document, request, variables } of calls) {
  const live = await urql.query(document, variables, { requestPolicy: "network-only" });
  assert.equal(live.error, undefined, name);
  const kept = await urql.query(document, variables, { requestPolicy: "cache-only" });
  assert.deepEqual(kept.data, live.data, name);

  const { data } = await apollo.query({ query: document, variables, fetchPolicy: "network-only" });
  assert.deepEqual(apollo.readQuery({ query: document, variables }), data, name);
  assert.deepEqual(JSON.parse(JSON.stringify(data)), JSON.parse(JSON.stringify(live.data)), name);
  const read = await fetchQuery(environment, request, variables).toPromise();
  assert.deepEqual(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify(data)), name);
  seen += JSON.stringify(data).length;
}
assert.ok(calls.length > Object.keys(ids).length + 20);
assert.ok(seen > 10_000);
assert.deepEqual(complaints, []);
process.exit();
