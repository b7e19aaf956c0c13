import type { Fetcher, FetcherParams, Observable } from "@graphiql/toolkit";
import { Kind, OperationTypeNode, parse, type ExecutionResult } from "graphql";
import { createClient as createSseClient } from "graphql-sse";
import { createClient as createSocketClient } from "graphql-ws";
import { tellAnswer, type Extensions } from "./answers";
import { ENDPOINT, type Config } from "../../shared/config";
import { session } from "./session";
import { currentTransport } from "./transport";

type Headers = Record<string, string>;
interface Answer {
  data?: Record<string, { accessToken?: string } | null> | null;
  errors?: { extensions?: { code?: string } }[];
  extensions?: Extensions;
}

const INTROSPECTION = "IntrospectionQuery";

/** Return a tab's headers, with those that log in and ask for the cost unless it has its own. */
async function completeHeaders(typed: Headers, config: Config): Promise<Headers> {
  const named = new Set(Object.keys(typed).map((name) => name.toLowerCase()));
  const authorization = named.has("authorization") ? undefined : await session.authorization();
  const added: Headers = { ...(authorization ? { Authorization: authorization } : {}), "Atrium-Cost": "1" };
  if (config.tellsSql) added["Atrium-Sql"] = "1";
  return { ...Object.fromEntries(Object.entries(added).filter(([name]) => !named.has(name.toLowerCase()))), ...typed };
}

/** Return the operation to run. The editor may still have the name of what stood in it a moment ago. */
function settle(parameters: FetcherParams): { parameters: FetcherParams; type?: OperationTypeNode } {
  try {
    const operations = parse(parameters.query).definitions.filter((each) => each.kind === Kind.OPERATION_DEFINITION);
    const named = operations.find((each) => each.name?.value === parameters.operationName);
    const chosen = named ?? (operations.length === 1 ? operations[0] : undefined);
    if (!chosen) return { parameters };
    return { parameters: { ...parameters, operationName: chosen.name?.value }, type: chosen.operation };
  } catch {
    return { parameters }; // the server says what is wrong with it
  }
}

async function request(parameters: FetcherParams, typed: Headers, config: Config, again = true): Promise<ExecutionResult> {
  const headers = await completeHeaders(typed, config);
  const began = performance.now();
  const response = await fetch(ENDPOINT, {
    method: "POST",
    headers: { accept: "application/graphql-response+json", "content-type": "application/json", ...headers },
    body: JSON.stringify(parameters),
  });
  const answer = (await response.json()) as Answer;
  if (parameters.operationName === INTROSPECTION) return answer as ExecutionResult;
  const ownHeader = Object.keys(typed).some((name) => name.toLowerCase() === "authorization");
  if (again && !ownHeader && answer.errors?.[0]?.extensions?.code === "UNAUTHENTICATED" && (await session.renew())) {
    return request(parameters, typed, config, false);
  }
  tellAnswer({
    operation: parameters.operationName ?? "",
    milliseconds: performance.now() - began,
    status: response.status,
    requestId: response.headers.get("x-request-id"),
    extensions: answer.extensions ?? {},
  });
  const issued = Object.values(answer.data ?? {}).find((field) => typeof field?.accessToken === "string");
  if (issued?.accessToken) session.takeToken(issued.accessToken); // a login that was run as an operation logs in
  return withoutAskedFor(answer, typed) as ExecutionResult;
}

/** Return an answer as it would be without the headers that the page adds: the panel shows what they ask for. */
function withoutAskedFor(answer: Answer, typed: Headers): Answer {
  const own = new Set(Object.keys(typed).map((name) => name.toLowerCase()));
  const { cost, sql, ...others } = answer.extensions ?? {};
  const kept = { ...others, ...(own.has("atrium-cost") ? { cost } : {}), ...(own.has("atrium-sql") ? { sql } : {}) };
  return { ...answer, extensions: Object.keys(kept).length > 0 ? kept : undefined };
}

/** Follow a subscription on a connection of its own, which ends with it. */
function follow(parameters: FetcherParams, typed: Headers, config: Config): Observable<ExecutionResult> {
  return {
    subscribe(observer) {
      if (!observer || typeof observer === "function") throw new TypeError("GraphiQL observes by three functions.");
      const payload = { ...parameters, operationName: parameters.operationName ?? undefined };
      const headers = () => completeHeaders(typed, config);
      const url = currentTransport() === "ws" ? ENDPOINT.replace(/^http/, "ws") : ENDPOINT;
      const client =
        currentTransport() === "ws"
          ? createSocketClient({ url, connectionParams: headers, retryAttempts: 3 })
          : createSseClient({ url, headers, retryAttempts: 3 });
      const stop = client.subscribe(payload, {
        next: (result: ExecutionResult) => observer.next(result),
        error: (error: unknown) => {
          observer.error(readable(error));
          void client.dispose();
        },
        complete: () => {
          observer.complete();
          void client.dispose();
        },
      });
      return {
        unsubscribe: () => {
          stop();
          void client.dispose();
        },
      };
    },
  };
}

/** Return what the editor can show: a socket that was closed says why in an event, which is no error. */
function readable(error: unknown): unknown {
  return error instanceof CloseEvent ? { message: error.reason || "The connection was closed.", code: error.code } : error;
}

export function createFetcher(config: Config): Fetcher {
  return (given, options) => {
    const { parameters, type } = settle(given);
    const typed = (options?.headers ?? {});
    return type === OperationTypeNode.SUBSCRIPTION
      ? follow(parameters, typed, config)
      : request(parameters, typed, config);
  };
}
