/** Path under which the pages are, without a slash at the end: the server's <base> knows what a proxy puts before it. */
export const BASE_PATH = new URL(document.baseURI).pathname.replace(/\/$/, "");

/** Return the token that a mailed link carries behind its `#`, which no browser sends to a server. */
export function readLinkToken(): string | null {
  return new URLSearchParams(location.hash.slice(1)).get("token");
}
