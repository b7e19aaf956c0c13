// react-relay: pages, pages within pages, what is created, refused, and deleted, here and by others.
import assert from "node:assert/strict";
import { createElement, Profiler, Suspense } from "react";
import { RelayEnvironmentProvider } from "react-relay";
import { create } from "react-test-renderer";
import { add, shown, until } from "./samples/app.ts";
import { environment } from "./samples/environment.ts";
import { Projects } from "./samples/Projects.tsx";
import { enter } from "./samples/session.ts";
import { act, session } from "./support.mjs";

async function made(field, input) {
  const type = `${field[0].toUpperCase()}${field.slice(1)}Input`;
  const mutation = `mutation($input: ${type}!) { ${field}(input: $input) { ... on Node { id } } }`;
  return (await act(mutation, { input }))[field].id;
}

const ids = {};
for (const name of ["three", "two", "one"]) ids[name] = await made("createProject", { name });
for (const title of ["c", "b", "a"]) ids[title] = await made("createTask", { title, projectId: ids.one });
ids.x = await made("createTask", { title: "x", projectId: ids.two });

enter(session);
const onRender = () => setImmediate(add, "rendered"); // once it is committed
const page = createElement(Suspense, { fallback: null }, createElement(Projects));
const profiled = createElement(Profiler, { id: "page", onRender }, page);
const renderer = create(createElement(RelayEnvironmentProvider, { environment }, profiled));
// From here on, since the renderer begins with a warning that it is deprecated.
const complaints = [];
for (const level of ["warn", "error"]) console[level] = (...parts) => complaints.push(parts.join(" "));

const sections = () => renderer.root?.findAllByType("section") ?? [];
const titles = (section) => section.findAllByType("p").map(({ children }) => children[0]);
const state = () => sections().map((section) => `${section.props.id}: ${titles(section)}`);
await until(() => shown.length > 0);
const becomes = (...expected) => until(() => state().join("; ") === expected.join("; "));
const button = (id) => renderer.root.findAllByType("button").find(({ props }) => props.id === id);
const project = (name) => sections().find(({ props }) => props.id === name);
const enterTitle = (name, value) => project(name).findByType("input").props.onChange({ target: { value } });

await becomes("one: a,b", "two: x");
assert.equal(button("more of two"), undefined);

// The next page of the outer list, and of a list within it.
button("more projects").props.onClick();
await becomes("one: a,b", "two: x", "three: ");
assert.equal(button("more projects"), undefined);
button("more of one").props.onClick();
await becomes("one: a,b,c", "two: x", "three: ");

// What is created stands first in its list alone; what is refused stands nowhere.
enterTitle("three", "new");
await becomes("one: a,b,c", "two: x", "three: new");
enterTitle("one", "");
await until(() => shown.some((one) => one.error));
assert.equal(shown.find((one) => one.error).error.code, "BAD_USER_INPUT");
await becomes("one: a,b,c", "two: x", "three: new");

// What is deleted is gone, whoever did it; what others change is changed.
project("one").findAllByType("p")[1].findByType("button").props.onClick();
await becomes("one: a,c", "two: x", "three: new");
await act("mutation($id: ID!) { deleteTask(input: { id: $id }) { __typename } }", { id: ids.x });
await becomes("one: a,c", "two: ", "three: new");
await act('mutation($id: ID!) { updateTask(input: { id: $id, title: "changed" }) { __typename } }', { id: ids.a });
await becomes("one: changed,c", "two: ", "three: new");
assert.deepEqual(complaints, []);
process.exit();
