import type { CacheExchangeOpts } from "@urql/exchange-graphcache";

/** What mutations and live changes do to the cache beyond the objects that they return. */
export const cacheUpdates: Pick<CacheExchangeOpts, "updates" | "optimistic" | "resolvers"> = {};
