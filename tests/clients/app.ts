// What the samples leave to the application: here it only writes down what it is asked to show.
const { env } = (globalThis as any).process;
export const ENDPOINT: string = env.ENDPOINT;

export const shown: unknown[] = [];
const listeners = new Set<() => void>();

export function add(what: unknown) {
  shown.push(what);
  for (const listener of [...listeners]) listener();
}

export async function until(condition: () => boolean) {
  await new Promise<void>((resolve) => {
    const check = () => condition() && (listeners.delete(check), resolve());
    listeners.add(check);
    check();
  });
}

export const showLogin = () => add("login");
export const showTenants = () => add("tenants");
export const show = (rows: unknown[]) => add({ rows });
export const showChange = (change: unknown) => add({ change });
export const report = (error: unknown) => add({ error });
