import { ENDPOINT } from "../../shared/config";

export interface Operation {
  query: string;
  operationName: string | null;
  variables: string | null;
  headers: string | null;
  isSubscription: boolean;
}

const STREAM = "text/event-stream";
const JSON_ANSWER = "application/graphql-response+json";
const PLACEHOLDER = "Bearer $TOKEN";
const NAME_LENGTH = 8;

function parsed(text: string | null): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return value && typeof value === "object" ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function body({ query, operationName, variables }: Operation): Record<string, unknown> {
  const values = parsed(variables);
  return { query, ...(operationName ? { operationName } : {}), ...(values ? { variables: values } : {}) };
}

function headers({ headers: typed, isSubscription }: Operation): Record<string, string> {
  const own = Object.entries(parsed(typed) ?? {}).filter(([name]) => name.toLowerCase() !== "authorization");
  return {
    accept: isSubscription ? STREAM : JSON_ANSWER,
    "content-type": "application/json",
    authorization: PLACEHOLDER,
    ...Object.fromEntries(own.map(([name, value]) => [name, String(value)])),
  };
}

/** Return a text as one word of a POSIX shell; within double quotes the token's variable is filled in. */
const shellWord = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
const shellHeader = (name: string, value: string) =>
  value === PLACEHOLDER ? `"${name}: ${value}"` : shellWord(`${name}: ${value}`);

export function curlCommand(operation: Operation): string {
  const lines = [`curl ${operation.isSubscription ? "-N " : ""}${shellWord(ENDPOINT)}`];
  for (const [name, value] of Object.entries(headers(operation))) lines.push(`-H ${shellHeader(name, value)}`);
  lines.push(`--data-binary ${shellWord(JSON.stringify(body(operation)))}`);
  return lines.join(" \\\n  ");
}

/** Return a call of `fetch`; a subscription is answered as a stream of events. */
export function fetchCall(operation: Operation): string {
  const entries = Object.entries(headers(operation)).map(([name, value]) =>
    value === PLACEHOLDER
      ? `    ${JSON.stringify(name)}: \`Bearer \${token}\`,`
      : `    ${JSON.stringify(name)}: ${JSON.stringify(value)},`,
  );
  const sent = JSON.stringify(body(operation), null, 2).replaceAll("\n", "\n  ");
  const read = operation.isSubscription
    ? "for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) console.log(chunk);"
    : "const { data, errors } = await response.json();";
  return [
    `const response = await fetch(${JSON.stringify(ENDPOINT)}, {`,
    '  method: "POST",',
    "  headers: {",
    ...entries,
    "  },",
    `  body: JSON.stringify(${sent}),`,
    "});",
    read,
    "",
  ].join("\n");
}

/** Return a module for graphql-codegen's client preset, which knows operations by their names. */
export function codegenDocument({ query, operationName }: Operation): string {
  const name = operationName ?? /(?:query|mutation|subscription)\s+([_A-Za-z]\w*)/.exec(query)?.[1] ?? "Operation";
  const constant = name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase();
  const text = query.trim().replaceAll("\\", "\\\\").replaceAll("`", "\\`").replaceAll("${", "\\${");
  const indented = text.split("\n").map((line) => (line ? `  ${line}` : line));
  return ['import { graphql } from "./gql";', "", `export const ${constant} = graphql(\``, ...indented, "`);", ""].join(
    "\n",
  );
}

/** Return a few characters by which its owner recognises a secret. */
export const recognisable = (secret: string) => `…${secret.slice(-NAME_LENGTH)}`;
