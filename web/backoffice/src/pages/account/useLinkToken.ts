import { useSyncExternalStore } from "react";
import { readLinkToken } from "../../address";

function subscribe(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  return () => removeEventListener("hashchange", listener);
}

/** Return the token of the link that was opened last, also if that was in a tab which had opened another one before. */
export const useLinkToken = () => useSyncExternalStore(subscribe, readLinkToken);
