import type { CacheExchangeOpts, UpdateResolver } from "@urql/exchange-graphcache";

const isRefused = (answer: unknown) => typeof answer === "object" && answer !== null && "code" in answer;

/** Lists of the query's that an object has come to or gone from are read anew. */
function reload(...lists: readonly string[]): UpdateResolver {
  const always = reloadInAnyCase(...lists);
  return (answers, ...rest) => {
    if (!Object.values(answers).some(isRefused)) always(answers, ...rest);
  };
}

/** The same where a refusal says that what is shown is out of date. */
function reloadInAnyCase(...lists: readonly string[]): UpdateResolver {
  return (_answers, _variables, cache) => {
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
      changeMemberRole: reloadInAnyCase("users", "invitations", "tenant"), // who may do what depends on all owners
      removeMember: reloadInAnyCase("users", "invitations", "tenant"),
      setUsersActive: reloadInAnyCase("users", "invitations", "tenant"),
      inviteMember: reload("invitations"),
      revokeInvitation: reloadInAnyCase("invitations"),
      createApiKey: reload("apiKeys"),
      revokeApiKey: reloadInAnyCase("apiKeys"),
    },
  },
};
