import { authExchange } from "@urql/exchange-auth";
import { cacheExchange } from "@urql/exchange-graphcache";
import { persistedExchange } from "@urql/exchange-persisted";
import { Client, fetchExchange, subscriptionExchange, type Exchange } from "urql";
import schema from "virtual:schema";
import { keys } from "../../../clients/graphcacheKeys";
import { fetchOnline } from "../../shared/api";
import { ENDPOINT } from "../../shared/config";
import { cacheUpdates } from "./cacheUpdates";
import { follow } from "./live";
import { refetchExchange } from "./refetch";
import { session } from "./session";

const ACCEPT = "application/graphql-response+json, application/json";
interface Hashed {
  __meta__?: { hash?: string };
}

interface Options {
  sendsHashes: boolean;
}

/** Return a client with an empty cache: what one person has seen in one tenant is nobody else's. */
export const createApiClient = (options: Options): Client =>
  createClient(options, [refetchExchange, cacheExchange({ schema, keys, ...cacheUpdates })]);

/** Return a client that keeps nothing, for more than anybody looks at. */
export const createUncachedClient = (options: Options): Client => createClient(options, []);

function createClient({ sendsHashes }: Options, cache: readonly Exchange[]): Client {
  return new Client({
    url: ENDPOINT,
    fetch: fetchOnline,
    preferGetMethod: false,
    requestPolicy: "cache-and-network",
    fetchOptions: { headers: { accept: ACCEPT } },
    exchanges: [
      ...cache,
      authExchange((utils) =>
        Promise.resolve({
          addAuthToOperation: (operation) => {
            const { session: current } = session.state;
            if (current?.kind !== "person") return operation;
            return utils.appendHeaders(operation, { Authorization: `Bearer ${current.accessToken}` });
          },
          willAuthError: () => !session.isFresh(),
          didAuthError: (error) => error.graphQLErrors.some((one) => one.extensions.code === "UNAUTHENTICATED"),
          refreshAuth: async () => {
            await session.renew();
          },
        }),
      ),
      ...(sendsHashes ? [hashes] : []),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables, extensions }) => ({
          subscribe: (sink) => ({
            unsubscribe: follow({ query: sendsHashes ? "" : (query ?? ""), variables: { ...variables }, extensions }, sink),
          }),
        }),
      }),
    ],
  });
}

const hashes = persistedExchange({
  enforcePersistedQueries: true,
  enableForMutation: true,
  enableForSubscriptions: true,
  preferGetForPersistedQueries: false,
  generateHash: (_text, document) => Promise.resolve((document as Hashed).__meta__?.hash),
});
