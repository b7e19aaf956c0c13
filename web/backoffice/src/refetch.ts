import { mapExchange, type Exchange, type Operation } from "urql";
import { session } from "./session";

/** Asks anew for all that is shown when the network is back, and when somebody has logged in again. */
export const refetchExchange: Exchange = (input) => {
  const shown = new Map<number, Operation>();
  const refetch = () => {
    for (const operation of shown.values()) {
      const context = { ...operation.context, requestPolicy: "cache-and-network" } as const;
      input.client.reexecuteOperation(input.client.createRequestOperation("query", operation, context));
    }
  };
  addEventListener("online", refetch);
  let isLoggedIn = true;
  session.subscribe(() => {
    const wasLoggedIn = isLoggedIn;
    isLoggedIn = session.state.session !== null;
    if (isLoggedIn && !wasLoggedIn) refetch();
  });
  return mapExchange({
    onOperation(operation) {
      if (operation.kind === "query") shown.set(operation.key, operation);
      if (operation.kind === "teardown") shown.delete(operation.key);
    },
  })(input);
};
