import type { Fetcher, FetcherParams, Observable } from "@graphiql/toolkit";
import { getOperationAST, parse, type DocumentNode, type ExecutionResult } from "graphql";
import { createClient as createSseClient } from "graphql-sse";
import { createClient as createSocketClient } from "graphql-ws";
import { tellAnswer, type Extensions } from "./answers";
import { ENDPOINT, type Config } from "./config";
import { currentAuthorization, renew, takeToken } from "./session";
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
  const authorization = named.has("authorization") ? undefined : await currentAuthorization();
  const added: Headers = { ...(authorization ? { Authorization: authorization } : {}), "Atrium-Cost": "1" };
  if (config.tellsSql) added["Atrium-Sql"] = "1";
  return { ...Object.fromEntries(Object.entries(added).filter(([name]) => !named.has(name.toLowerCase()))), ...typed };
}

function operationType(parameters: FetcherParams, document: DocumentNode | undefined): string | undefined {
  try {
    return getOperationAST(document ?? parse(parameters.query), parameters.operationName)?.operation;
  } catch {
    return undefined; // the server says what is wrong with it
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
  if (again && !ownHeader && answer.errors?.[0]?.extensions?.code === "UNAUTHENTICATED" && (await renew())) {
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
  if (issued?.accessToken) takeToken(issued.accessToken); // a login that was run as an operation logs in
  return answer as ExecutionResult;
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
  return (parameters, options) => {
    const typed = (options?.headers ?? {});
    const isSubscription = operationType(parameters, options?.documentAST) === "subscription";
    return isSubscription ? follow(parameters, typed, config) : request(parameters, typed, config);
  };
}
