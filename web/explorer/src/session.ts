import { useSyncExternalStore } from "react";
import { Refused, send } from "./api";
import type { ExplorerLoginMutation, ExplorerProfileQuery } from "./gql/graphql";
import { LOGIN, LOGOUT, PROFILE, REFRESH, SWITCH_TENANT } from "./operations";

type Issued = Extract<ExplorerLoginMutation["login"], { __typename: "Session" }>;
type Profile = ExplorerProfileQuery["viewer"];

/** Somebody who has logged in here, or a token or API key that was typed in. */
export type Session =
  | {
      kind: "person";
      accessToken: string;
      refreshToken: string;
      expiresAt: string;
      /** When to refresh, in milliseconds: a minute early, or halfway where it is good for less than two. */
      refreshAt: number;
      tenant: string | null;
      profile: Profile | null;
    }
  | { kind: "token"; token: string };

export interface SessionState {
  session: Session | null;
  /** Why nobody is logged in any more, if that was not asked for. */
  notice: string | null;
}

const KEY = "atrium-explorer-session";
const EARLY_MILLISECONDS = 60_000;
const RETRY_MILLISECONDS = 10_000;
const LONGEST_TIMER_MILLISECONDS = 2_000_000_000;

let state: SessionState = { session: restore(), notice: null };
let refreshing: Promise<void> | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
const listeners = new Set<() => void>();

function restore(): Session | null {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Session | null;
  } catch {
    return null;
  }
}

function change(session: Session | null, notice: string | null = null): void {
  state = { session, notice };
  if (session) sessionStorage.setItem(KEY, JSON.stringify(session));
  else sessionStorage.removeItem(KEY);
  schedule();
  for (const listener of listeners) listener();
}

/** Refresh in good time, also while nothing is sent. */
function schedule(after = 0): void {
  clearTimeout(timer);
  if (state.session?.kind !== "person") return;
  const due = state.session.refreshAt - Date.now();
  timer = setTimeout(() => void ensureFresh(), Math.min(Math.max(due, after), LONGEST_TIMER_MILLISECONDS));
}

const currentSession = (): Session | null => state.session;
const bearer = (token: string) => `Bearer ${token}`;

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useSession = () => useSyncExternalStore(subscribe, () => state);

async function enter(issued: Issued, before?: Session | null): Promise<void> {
  const known = before?.kind === "person" ? before : null;
  const lifetime = Date.parse(issued.expiresAt) - Date.now();
  const person = {
    kind: "person" as const,
    accessToken: issued.accessToken,
    refreshToken: issued.refreshToken ?? known?.refreshToken ?? "", // none after a switch: the one before stays good
    expiresAt: issued.expiresAt,
    refreshAt: Date.now() + Math.max(lifetime - EARLY_MILLISECONDS, lifetime / 2),
    tenant: issued.tenant?.slug ?? null,
    profile: known?.profile ?? null,
  };
  change(person);
  if (person.profile) return;
  const { viewer } = await send(PROFILE, {}, bearer(issued.accessToken));
  if (state.session?.kind === "person") change({ ...state.session, profile: viewer });
}

export async function logIn(email: string, password: string, tenant: string | null): Promise<void> {
  const { login } = await send(LOGIN, { email, password, tenant });
  if (login.__typename !== "Session") throw new Refused(login.message, login.__typename);
  await enter(login);
}

export function takeToken(token: string): void {
  change({ kind: "token", token: token.trim().replace(/^Bearer\s+/i, "") });
}

export async function switchTenant(tenant: string): Promise<void> {
  const authorization = await currentAuthorization();
  const { switchTenant: result } = await send(SWITCH_TENANT, { tenant }, authorization);
  if (result.__typename !== "Session") throw new Refused(result.message, result.__typename);
  await enter(result, state.session);
}

export async function logOut(): Promise<void> {
  const { session } = state;
  change(null);
  if (session?.kind === "person") await send(LOGOUT, {}, bearer(session.accessToken)).catch(() => null);
}

function isFresh(): boolean {
  const { session } = state;
  return session?.kind !== "person" || Date.now() < session.refreshAt;
}

async function ensureFresh(): Promise<void> {
  refreshing ??= refresh().finally(() => (refreshing = undefined));
  await refreshing;
}

async function refresh(): Promise<void> {
  const { session } = state;
  if (session?.kind !== "person") return;
  try {
    const { refreshToken, tenant } = session;
    const { refresh: result } = await send(REFRESH, { refreshToken, tenant });
    if (state.session !== session) return; // somebody else has logged in meanwhile, or nobody is
    if (result.__typename === "Session") await enter(result, session);
    else change(null, `Your session has ended: ${result.message}`);
  } catch {
    schedule(RETRY_MILLISECONDS); // the server is away
  }
}

/** Return the header that logs in, refreshed if it is about to expire; nothing if nobody is logged in. */
export async function currentAuthorization(): Promise<string | undefined> {
  if (!isFresh()) await ensureFresh();
  const { session } = state;
  return session ? bearer(session.kind === "token" ? session.token : session.accessToken) : undefined;
}

/** Renew what was refused: the role has changed, or the session. Returns whether it is worth another try. */
export async function renew(): Promise<boolean> {
  if (state.session?.kind !== "person") return false;
  await ensureFresh();
  return currentSession() !== null;
}

schedule();
