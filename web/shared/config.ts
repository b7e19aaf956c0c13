export interface DemoPerson {
  email: string;
  tenant: string;
  label: string;
}

/** What the server says of itself: what may be shown depends on where it runs. */
export interface Config {
  demo: { password: string; people: DemoPerson[] } | null;
  /** Address of the schema's reference; null where it is not served. */
  reference: string | null;
  /** Whether answers tell the statements that they took. */
  tellsSql: boolean;
  /** Whether the page's operations are sent by the hashes under which the operator has stored them. */
  sendsHashes: boolean;
}

/** The endpoint, found from the page's own address, so that a path which a proxy puts before both does no harm. */
export const ENDPOINT = new URL("../graphql", document.baseURI).href;

export async function loadConfig(): Promise<Config> {
  const answer = await fetch(new URL("config.json", document.baseURI));
  if (!answer.ok) throw new Error(`The server's settings for this page cannot be read: ${answer.status}.`);
  return (await answer.json()) as Config;
}
