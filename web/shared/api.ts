import { ENDPOINT } from "./config";

/** An operation as graphql-codegen makes it of its text. */
interface Operation<Data, Variables> {
  __apiType?: (variables: Variables) => Data;
  __meta__?: Record<string, unknown>;
  toString(): string;
}

interface Answer {
  data?: unknown;
  errors?: { message: string; extensions?: { code?: string; retryAfter?: number } }[];
}

export class Refused extends Error {
  constructor(
    message: string,
    readonly code: string | undefined,
    /** Seconds to wait before it is worth another try. */
    readonly retryAfter?: number,
    /** Where an input is wrong. */
    readonly fields: readonly { path: string; message: string }[] = [],
  ) {
    super(message);
  }
}

let sendsHashes = false;

/** Send operations by their hashes from now on. */
export function sendHashes(): void {
  sendsHashes = true;
}

function describe<Data, Variables>(document: Operation<Data, Variables>) {
  const hash = document.__meta__?.hash;
  return sendsHashes && typeof hash === "string" ? { documentId: hash } : { query: document.toString() };
}

/** Fetch, unless there is no network: nothing is tried then, and each try would be a line in the console. */
export const fetchOnline: typeof fetch = (...request) =>
  navigator.onLine ? fetch(...request) : Promise.reject(new TypeError("There is no network."));

/** Send an operation about who is logged in, and return its data. Throws Refused for what the server refuses. */
export async function send<Data, Variables>(
  document: Operation<Data, Variables>,
  variables: Variables,
  authorization?: string,
): Promise<Data> {
  const answer = await fetchOnline(ENDPOINT, {
    method: "POST",
    headers: {
      accept: "application/graphql-response+json",
      "content-type": "application/json",
      ...(authorization ? { authorization } : {}),
    },
    body: JSON.stringify({ ...describe(document), variables }),
  });
  const { data, errors } = (await answer.json()) as Answer;
  const [error] = errors ?? [];
  if (error) throw new Refused(error.message, error.extensions?.code, error.extensions?.retryAfter);
  return data as Data;
}
