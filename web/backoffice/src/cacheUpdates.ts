import type { CacheExchangeOpts, UpdateResolver } from "@urql/exchange-graphcache";

const isRefused = (answer: unknown) => typeof answer === "object" && answer !== null && "code" in answer;

/** Lists of the query's that an object has come to or gone from are read anew. */
function reload(...lists: readonly string[]): UpdateResolver {
  return (answers, _variables, cache) => {
    if (Object.values(answers).some(isRefused)) return;
    for (const { fieldName, arguments: given } of cache.inspectFields("Query")) {
      if (lists.includes(fieldName)) cache.invalidate("Query", fieldName, given);
    }
  };
}

/** What mutations and live changes do to the cache beyond the objects that they return. */
export const cacheUpdates: Pick<CacheExchangeOpts, "updates" | "optimistic" | "resolvers"> = {
  updates: {
    Mutation: {
      createArticle: reload("articles"),
      updateArticle: reload("articles"),
      deleteArticle: reload("articles"),
      createDocument: reload("documents"),
      deleteDocument: reload("documents", "trash"),
      restoreDocument: reload("documents", "trash"),
      purgeDocument: reload("trash"),
    },
  },
};
