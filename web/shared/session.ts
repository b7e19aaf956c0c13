import { useSyncExternalStore } from "react";
import { Refused, send } from "./api";
import type { LoginMutation } from "./gql/graphql";
import { LOGIN, LOGOUT, REFRESH, SWITCH_TENANT } from "./operations";

export type Issued = Extract<LoginMutation["login"], { __typename: "Session" }>;

/** Somebody who has logged in here. */
export interface PersonSession {
  kind: "person";
  account: string;
  email: string;
  accessToken: string;
  /** When to refresh, in milliseconds: a minute early, or halfway where it is good for less than two. */
  refreshAt: number;
  tenant: string | null;
}

/** Somebody who has logged in here, or a token or API key that was typed in. */
export type Session = PersonSession | { kind: "token"; token: string };

export interface SessionState {
  session: Session | null;
  /** Why nobody is logged in any more, if that was not asked for; in the server's words. */
  ended: string | null;
  /** Whose login has ended so: the page is still theirs. */
  last: PersonSession | null;
}

/** A login as all tabs see it that share it. */
interface SharedLogin {
  account: string;
  refreshToken: string;
}

const EARLY_MILLISECONDS = 60_000;
const RETRY_MILLISECONDS = 10_000;
const LONGEST_TIMER_MILLISECONDS = 2_000_000_000;

const bearer = (token: string) => `Bearer ${token}`;

/**
 * Who is logged in: the access token and the tenant of this tab, in its session storage, and the refresh token, which
 * is kept with its account where all tabs see it that share a login. A tab refreshes in turn with the others, and reads
 * the refresh token anew before it does, since another one may have used it meanwhile. A new tab enters the tenant of the
 * one that had the focus last.
 */
export class SessionStore {
  #state: SessionState;
  #refreshing: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #sessionKey: string;
  readonly #loginKey: string;
  readonly #tenantKey: string;

  /**
   * @param name the page's, before which its keys in storages begin
   * @param refreshTokens where refresh tokens are kept: `localStorage` shares a login among tabs
   */
  constructor(
    name: string,
    readonly refreshTokens: Storage,
  ) {
    this.#sessionKey = `${name}-session`;
    this.#loginKey = `${name}-login`;
    this.#tenantKey = `${name}-tenant`;
    this.#state = { session: read(sessionStorage, this.#sessionKey) as Session | null, ended: null, last: null };
    if (refreshTokens === localStorage) {
      addEventListener("storage", (event) => this.#follow(event));
      addEventListener("focus", () => this.#noteTenant());
    }
    this.#schedule();
  }

  get state(): SessionState {
    return this.#state;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Take over the login of another tab, if there is one and this tab has none. */
  async restore(): Promise<void> {
    if (!this.#state.session && this.#readLogin()) await this.#ensureFresh();
  }

  async logIn(email: string, password: string, tenant: string | null): Promise<void> {
    const { login } = await send(LOGIN, { email, password, tenant });
    if (login.__typename === "RateLimited") throw new Refused(login.message, login.code, login.retryAfter);
    if (login.__typename === "InvalidInput") throw new Refused(login.message, login.code, undefined, login.fields);
    if (login.__typename !== "Session") throw new Refused(login.message, login.code);
    this.enter(login);
  }

  /** Go on as whom a session was issued to: by a login, a registration, a switch or a refresh. */
  enter(issued: Issued): void {
    this.#share(issued);
    const lifetime = Date.parse(issued.expiresAt) - Date.now();
    this.#change({
      kind: "person",
      account: issued.viewer.id,
      email: issued.viewer.email,
      accessToken: issued.accessToken,
      refreshAt: Date.now() + Math.max(lifetime - EARLY_MILLISECONDS, lifetime / 2),
      tenant: issued.tenant?.slug ?? null,
    });
  }

  takeToken(token: string): void {
    this.#change({ kind: "token", token: token.trim().replace(/^Bearer\s+/i, "") });
  }

  /** Go on in another tenant; `leave` is called before, since what is open belongs to the one that is left. */
  async switchTenant(tenant: string, leave?: () => void): Promise<void> {
    const { switchTenant: result } = await send(SWITCH_TENANT, { tenant }, await this.authorization());
    if (result.__typename !== "Session") throw new Refused(result.message, result.code);
    leave?.();
    this.enter(result);
  }

  async logOut(): Promise<void> {
    const { session } = this.#state;
    this.forget();
    if (session?.kind === "person") await send(LOGOUT, {}, bearer(session.accessToken)).catch(() => null);
  }

  /** Forget who is logged in, here and in the tabs that share the login. */
  forget(): void {
    this.refreshTokens.removeItem(this.#loginKey);
    this.refreshTokens.removeItem(this.#tenantKey);
    this.#change(null);
  }

  /** Give up the page of whoever's login has ended; who has logged in in other tabs stays so. */
  giveUp(): void {
    this.#change(null);
  }

  /** Return the header that logs in, refreshed if it is about to expire; nothing if nobody is logged in. */
  async authorization(): Promise<string | undefined> {
    if (!this.isFresh()) await this.#ensureFresh();
    const { session } = this.#state;
    return session ? bearer(session.kind === "token" ? session.token : session.accessToken) : undefined;
  }

  isFresh(): boolean {
    const { session } = this.#state;
    return session?.kind !== "person" || Date.now() < session.refreshAt;
  }

  /** Renew what was refused: the role has changed, or the session. Returns whether it is worth another try. */
  async renew(): Promise<boolean> {
    if (this.#state.session?.kind !== "person") return false;
    await this.#ensureFresh();
    return this.state.session !== null;
  }

  async #ensureFresh(): Promise<void> {
    this.#refreshing ??= this.#refreshInTurn().finally(() => (this.#refreshing = undefined));
    await this.#refreshing;
  }

  async #refreshInTurn(): Promise<void> {
    const locks = navigator.locks as LockManager | undefined; // none where the page comes without TLS
    await (locks ? locks.request(this.#loginKey, () => this.#refresh()) : this.#refresh());
  }

  async #refresh(): Promise<void> {
    const { session, last } = this.#state;
    if (session?.kind === "token") return;
    const login = this.#readLogin();
    if (!login || (session && login.account !== session.account)) {
      if (session) this.#change(null, login ? OTHER_ACCOUNT : LOGGED_OUT_ELSEWHERE);
      return;
    }
    const tenant = (session ?? last)?.tenant ?? this.refreshTokens.getItem(this.#tenantKey);
    try {
      const { refreshToken } = login;
      let { refresh: result } = await send(REFRESH, { refreshToken, tenant });
      if (tenant !== null && result.__typename === "InvalidInput") {
        ({ refresh: result } = await send(REFRESH, { refreshToken, tenant: null })); // no member of it any more
      }
      const isUsed = this.#readLogin()?.refreshToken === refreshToken; // and not by another login, or none, meanwhile
      if (isUsed && result.__typename === "Session") this.#share(result);
      if (isUsed && result.__typename === "InvalidToken") this.refreshTokens.removeItem(this.#loginKey);
      if (this.#state.session !== session || !isUsed) return;
      if (result.__typename === "Session") this.enter(result);
      else if (session) this.#change(null, result.message);
    } catch {
      this.#schedule(RETRY_MILLISECONDS); // the server is away
    }
  }

  /** Take note of what other tabs do with the login. */
  #follow(event: StorageEvent): void {
    if (event.key !== this.#loginKey) return;
    const { session, last } = this.#state;
    if (session?.kind === "token") return;
    const login = this.#readLogin();
    if (session) {
      if (login?.account !== session.account) this.#change(null, login ? OTHER_ACCOUNT : LOGGED_OUT_ELSEWHERE);
    } else if (login && (!last || last.account === login.account)) void this.#ensureFresh();
  }

  /** Take note of where the person is, for a tab that is opened from this one. */
  #noteTenant(): void {
    const { session } = this.#state;
    if (session?.kind === "person" && session.tenant) this.refreshTokens.setItem(this.#tenantKey, session.tenant);
  }

  #readLogin(): SharedLogin | null {
    return read(this.refreshTokens, this.#loginKey) as SharedLogin | null;
  }

  /** Keep a refresh token where all tabs see it. There is none after a switch: the one before stays good. */
  #share({ viewer, refreshToken }: Issued): void {
    if (!refreshToken) return;
    const login: SharedLogin = { account: viewer.id, refreshToken };
    this.refreshTokens.setItem(this.#loginKey, JSON.stringify(login));
  }

  #change(session: Session | null, ended: string | null = null): void {
    const before = this.#state.session?.kind === "person" ? this.#state.session : this.#state.last;
    this.#state = { session, ended, last: session || ended === null ? null : before };
    if (session) sessionStorage.setItem(this.#sessionKey, JSON.stringify(session));
    else sessionStorage.removeItem(this.#sessionKey);
    if (document.hasFocus()) this.#noteTenant();
    this.#schedule();
    for (const listener of this.#listeners) listener();
  }

  /** Refresh in good time, also while nothing is sent. */
  #schedule(after = 0): void {
    clearTimeout(this.#timer);
    const { session } = this.#state;
    if (session?.kind !== "person") return;
    const due = session.refreshAt - Date.now();
    this.#timer = setTimeout(() => void this.#ensureFresh(), Math.min(Math.max(due, after), LONGEST_TIMER_MILLISECONDS));
  }
}

function read(storage: Storage, key: string): unknown {
  try {
    return JSON.parse(storage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

export const LOGGED_OUT_ELSEWHERE = "You have logged out in another tab.";
export const OTHER_ACCOUNT = "Somebody else has logged in in another tab.";

export const useSession = (store: SessionStore) => useSyncExternalStore(store.subscribe, () => store.state);
