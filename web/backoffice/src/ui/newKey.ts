/** Return a new idempotency key. `crypto.randomUUID` would not be there where the page comes without TLS. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
