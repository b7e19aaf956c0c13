import { useParams } from "wouter";

/** Return the id in a page's address, whether or not its signs are escaped there. */
export function useIdParam(): string {
  const { id } = useParams<{ id: string }>();
  try {
    return decodeURIComponent(id);
  } catch {
    return id; // no id, and the API says so
  }
}
