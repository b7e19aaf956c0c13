// urql's normalised cache: a list takes what is created, loses what is deleted by anybody, and joins its pages.
import assert from "node:assert/strict";
import { Client, fetchExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import schema from "./samples/gql/introspection.json" with { type: "json" };
import { add, ENDPOINT, shown, until } from "./samples/app.ts";
import { keys } from "./samples/clients/graphcacheKeys.ts";
import { ADD_TASK, REMOVE_TASK, TASK_CHANGES, TASK_PAGE } from "./samples/queries.ts";
import { enter } from "./samples/session.ts";
import { urql } from "./samples/urql.ts";
import { act, createTask, session } from "./support.mjs";

const complaints = [];
for (const level of ["warn", "error"]) console[level] = (...parts) => complaints.push(parts.join(" "));

enter(session);
const titlesOf = (data) => data?.tasks.edges.map(({ node }) => node.title);
const last = () => titlesOf(shown.findLast(({ data }) => data?.tasks)?.data)?.join();

urql.query(TASK_PAGE, {}).subscribe(add);
await until(() => last() === "");
const { createTask: first } = (await urql.mutation(ADD_TASK, { input: { title: "first" } })).data;
await until(() => last() === "first");
assert.equal((await urql.mutation(ADD_TASK, { input: { title: "" } })).data.createTask.fields[0].path, "title");
assert.equal(last(), "first");

const second = await createTask("second");
const changes = () => shown.flatMap(({ data }) => data?.taskChanged ?? []);
urql.subscription(TASK_CHANGES, { after: "0" }).subscribe(add);
await until(() => changes().length === 2);
const { data: again } = await urql.query(TASK_PAGE, {}, { requestPolicy: "network-only" });
assert.equal(titlesOf(again).join(), "second,first");
await until(() => last() === "second,first");

await urql.mutation(REMOVE_TASK, { id: first.id });
await until(() => last() === "second");
await act("mutation($id: ID!) { deleteTask(input: { id: $id }) { __typename } }", { id: second });
await until(() => changes().at(-1).taskId === second && changes().at(-1).action === "DELETE");
await until(() => last() === "");

for (let number = 1; number <= 25; number++) await createTask(String(number));
const pages = cacheExchange({ schema, keys, resolvers: { Query: { tasks: relayPagination() } } });
const fetchOptions = { headers: { authorization: `Bearer ${session.accessToken}` } };
const client = new Client({ url: ENDPOINT, exchanges: [pages, fetchExchange], fetchOptions });
const page = (await client.query(TASK_PAGE, {})).data.tasks;
assert.equal(page.edges.length, 20);
const joined = (await client.query(TASK_PAGE, { after: page.pageInfo.endCursor })).data;
assert.deepEqual(titlesOf(joined), Array.from({ length: 25 }, (_, index) => String(25 - index)));
assert.equal(joined.tasks.pageInfo.hasNextPage, false);
assert.deepEqual(complaints, []);
process.exit();
