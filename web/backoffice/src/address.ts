/** Path under which the pages are, without a slash at the end: the server's <base> knows what a proxy puts before it. */
export const BASE_PATH = new URL(document.baseURI).pathname.replace(/\/$/, "");

/** Return the path within the pages that a parameter of the address names; `/` if it names none of them. */
export function readReturnPath(search: string): string {
  const path = new URLSearchParams(search).get("to") ?? "";
  return /^\/[^/\\]/.test(path) ? path : "/";
}

/** Return the token that a mailed link carries behind its `#`, which no browser sends to a server. */
export function readLinkToken(): string | null {
  return new URLSearchParams(location.hash.slice(1)).get("token");
}
