import { ENDPOINT } from "./config";
import type { TypedDocumentString } from "./gql/graphql";

interface Answer {
  data?: unknown;
  errors?: { message: string; extensions?: { code?: string } }[];
}

export class Refused extends Error {
  constructor(
    message: string,
    readonly code: string | undefined,
  ) {
    super(message);
  }
}

/** Send one of the page's own operations and return its data. Throws Refused for what the server refuses. */
export async function send<Data, Variables>(
  document: TypedDocumentString<Data, Variables>,
  variables: Variables,
  authorization?: string,
): Promise<Data> {
  const answer = await fetch(ENDPOINT, {
    method: "POST",
    headers: {
      accept: "application/graphql-response+json",
      "content-type": "application/json",
      ...(authorization ? { authorization } : {}),
    },
    body: JSON.stringify({ query: document.toString(), variables }),
  });
  const { data, errors } = (await answer.json()) as Answer;
  if (errors?.[0]) throw new Refused(errors[0].message, errors[0].extensions?.code);
  return data as Data;
}
