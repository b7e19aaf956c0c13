/** Return a moment as a field of the type `datetime-local` holds it, in the reader's time zone. */
export function toLocalInput(iso: string | null | undefined): string {
  if (!iso) return "";
  const date = new Date(iso);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** Return the moment that a field of the type `datetime-local` holds; null if it is empty. */
export const fromLocalInput = (text: string) => (text ? new Date(text).toISOString() : null);
