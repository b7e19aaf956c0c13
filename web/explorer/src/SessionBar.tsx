import { useState, type SubmitEvent, type ReactNode } from "react";
import type { Config } from "../../shared/config";
import { useSession, type PersonSession, type Session } from "../../shared/session";
import { session, useMemberships } from "./session";
import { recognisable } from "./snippets";
import { chooseTransport, useTransport, type Transport } from "./transport";

/** Run what may be refused, and say why if it is. */
function useAttempt() {
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const attempt = (work: () => Promise<void>) => {
    setBusy(true);
    setProblem(null);
    work()
      .catch((error: unknown) => setProblem(error instanceof Error ? error.message : String(error)))
      .finally(() => setBusy(false));
  };
  return { attempt, problem, isBusy };
}

const value = (form: FormData, name: string) => {
  const entry = form.get(name);
  return typeof entry === "string" ? entry : "";
};

function LoginForm({ onLogin }: { onLogin: (work: () => Promise<void>) => void }) {
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    onLogin(() => session.logIn(value(form, "email"), value(form, "password"), value(form, "tenant") || null));
  };
  return (
    <form onSubmit={submit}>
      <label>
        E-mail <input name="email" type="email" autoComplete="username" required />
      </label>
      <label>
        Password <input name="password" type="password" autoComplete="current-password" required />
      </label>
      <label>
        Tenant <input name="tenant" placeholder="if you have several" autoCapitalize="none" />
      </label>
      <button type="submit">Log in</button>
    </form>
  );
}

function TokenForm() {
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    session.takeToken(value(new FormData(event.currentTarget), "token"));
  };
  return (
    <form onSubmit={submit}>
      <label>
        Access token or API key <input name="token" type="password" autoComplete="off" required />
      </label>
      <button type="submit">Use it</button>
    </form>
  );
}

function Menu({ title, children }: { title: string; children: ReactNode }) {
  return (
    <details className="atrium-menu" name="atrium-menu">
      <summary>{title}</summary>
      <div>{children}</div>
    </details>
  );
}

function LoggedOut({ config }: { config: Config }) {
  const { attempt, problem, isBusy } = useAttempt();
  return (
    <div className="atrium-session" aria-busy={isBusy}>
      {problem && <span role="alert">{problem}</span>}
      {config.demo && (
        <span className="atrium-demo">
          <span>Demo:</span>
          {config.demo.people.map(({ email, tenant, label }) => (
            <button
              key={email}
              type="button"
              title={email}
              disabled={isBusy}
              onClick={() => attempt(() => session.logIn(email, config.demo?.password ?? "", tenant))}
            >
              {label}
            </button>
          ))}
        </span>
      )}
      <Menu title="Log in">
        <LoginForm onLogin={attempt} />
        <TokenForm />
      </Menu>
    </div>
  );
}

function TenantSwitch({ person, onSwitch }: { person: PersonSession; onSwitch: (slug: string) => void }) {
  const memberships = useMemberships();
  if (memberships.length === 0) return <span>no tenant</span>;
  return (
    <label>
      <span>Tenant</span>
      <select value={person.tenant ?? ""} onChange={(event) => onSwitch(event.target.value)}>
        {person.tenant === null && <option value="">none</option>}
        {memberships.map(({ role, tenant }) => (
          <option key={tenant.slug} value={tenant.slug}>
            {tenant.name} ({role.toLowerCase()})
          </option>
        ))}
      </select>
    </label>
  );
}

function LoggedIn({ current }: { current: Session }) {
  const { attempt, problem, isBusy } = useAttempt();
  return (
    <div className="atrium-session" aria-busy={isBusy}>
      {problem && <span role="alert">{problem}</span>}
      {current.kind === "person" ? (
        <>
          <span className="atrium-person" title={current.email}>
            {current.email}
          </span>
          <TenantSwitch person={current} onSwitch={(slug) => attempt(() => session.switchTenant(slug))} />
        </>
      ) : (
        <span className="atrium-person">Token {recognisable(current.token)}</span>
      )}
      <button type="button" onClick={() => attempt(() => session.logOut())}>
        Log out
      </button>
    </div>
  );
}

export function SessionBar({ config }: { config: Config }) {
  const { session: current, ended } = useSession(session);
  const transport = useTransport();
  return (
    <header className="atrium-bar">
      <h1>Atrium</h1>
      {ended && <span role="alert">Your session has ended: {ended}</span>}
      {current ? <LoggedIn current={current} /> : <LoggedOut config={config} />}
      <label className="atrium-transport">
        <span>Subscriptions</span>
        <select value={transport} onChange={(event) => chooseTransport(event.target.value as Transport)}>
          <option value="ws">WebSocket</option>
          <option value="sse">Server-sent events</option>
        </select>
      </label>
      {config.reference && (
        <a href={config.reference} target="_blank" rel="noreferrer">
          Reference
        </a>
      )}
    </header>
  );
}
