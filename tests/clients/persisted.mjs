// Documents by hash or id: Apollo Client's persisted queries and urql's documents, against a server in each mode.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { Client, fetchExchange } from "@urql/core";

const { ENDPOINT: url, OWNER_TOKEN, MODE, TASKS_ID } = process.env;
const TASKS = gql`query Tasks { tasks { totalCount } }`;
const MORE = gql`query More { tasks(first: 1) { totalCount } }`;
const headers = { authorization: `Bearer ${OWNER_TOKEN}` };

let sent = [];
const counted = async (...request) => {
  const { method, body } = request[1];
  sent.push(`${method} ${body && JSON.parse(body).query ? "text" : "hash"}`);
  return fetch(...request);
};
const sha256 = (text) => createHash("sha256").update(text).digest("hex");

function client(options) {
  const link = ApolloLink.from([new PersistedQueryLink(options), new HttpLink({ uri: url, headers, fetch: counted })]);
  return new ApolloClient({ cache: new InMemoryCache(), link });
}

async function requests(query, by) {
  sent = [];
  const { data } = await by.query({ query, fetchPolicy: "network-only" });
  assert.equal(data.tasks.totalCount, 0);
  return sent;
}

const hashing = client({ sha256 });
if (MODE === "off") {
  assert.deepEqual(await requests(TASKS, hashing), ["POST hash", "POST text"]);
  assert.deepEqual(await requests(TASKS, hashing), ["POST text"]);
}
if (MODE === "persisted") {
  assert.deepEqual(await requests(TASKS, hashing), ["POST hash", "POST text"]);
  assert.deepEqual(await requests(TASKS, hashing), ["POST hash"]);
  const byGet = client({ sha256, useGETForHashedQueries: true });
  assert.deepEqual(await requests(TASKS, byGet), ["GET hash"]);
}
if (MODE === "allowed" || MODE === "only") {
  const generateHash = (query) => (query.definitions[0].name.value === "Tasks" ? TASKS_ID : "no id of the manifest");
  const trusted = client({ generateHash });
  assert.deepEqual(await requests(TASKS, trusted), ["POST hash"]);
  if (MODE === "allowed") assert.deepEqual(await requests(MORE, trusted), ["POST hash", "POST text"]);
  else await assert.rejects(requests(MORE, trusted), (error) => error.errors[0].extensions.code === "DOCUMENT_NOT_TRUSTED");
  const urql = new Client({ url, exchanges: [fetchExchange], fetch: counted, fetchOptions: { headers } });
  for (const preferGetMethod of [undefined, false]) {
    sent = [];
    const document = { kind: "Document", definitions: [], documentId: TASKS_ID };
    const { data, error } = await urql.query(document, {}, { preferGetMethod });
    assert.equal(error, undefined);
    assert.equal(data.tasks.totalCount, 0);
    assert.equal(sent.length, 1);
    assert.match(sent[0], /hash$/);
  }
}
process.exit();
