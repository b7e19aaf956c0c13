// What scenarios share: they ask the test for things by a line, and act as somebody else who is logged in.
import { createInterface } from "node:readline";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export async function ask(what) {
  console.log(`ask: ${what}`);
  return (await lines.next()).value;
}

export const session = JSON.parse(process.env.LOGIN ?? "null");

export async function act(query, variables = {}, token = process.env.OWNER_TOKEN) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  const body = JSON.stringify({ query, variables });
  const { data, errors } = await (await realFetch(process.env.ENDPOINT, { method: "POST", headers, body })).json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

const realFetch = globalThis.fetch;

const CREATE = "mutation($title: String!) { createTask(input: { title: $title }) { ... on Task { id } } }";

export const createTask = async (title) => (await act(CREATE, { title })).createTask.id;

// Has something happen before each refresh: when a client is between two connections, or before another tab's turn.
export function beforeRefresh(action) {
  globalThis.fetch = async (url, options) => {
    if (String(options?.body).includes("mutation Refresh")) await action();
    return realFetch(url, options);
  };
}
