import { Suspense, useMemo } from "react";
import { Provider } from "urql";
import { Redirect, Route, Router, Switch, useLocation, useSearch } from "wouter";
import { useSession, type PersonSession } from "../../shared/session";
import type { Config } from "../../shared/config";
import { BASE_PATH } from "./address";
import { createApiClient } from "./client";
import { ConfigContext } from "./configuration";
import { ACCOUNT_PAGES, OPEN_PAGES, TENANT_PAGES } from "./pages";
import { LoginPage } from "./pages/account/LoginPage";
import { session } from "./session";
import { ErrorBoundary } from "./shell/ErrorBoundary";
import { LoginDialog } from "./shell/LoginDialog";
import { NotFoundPage } from "./shell/NotFoundPage";
import { OfflineNotice } from "./shell/OfflineNotice";
import { Loading } from "./ui/Loading";

/** All pages: those for everybody, and those for whoever is logged in, and for whoever has entered a tenant. */
export function App({ config }: { config: Config }) {
  return (
    <ConfigContext value={config}>
      <Router base={BASE_PATH}>
        <OfflineNotice />
        <ErrorBoundary>
          <Suspense fallback={<Loading />}>
            <Switch>
              {OPEN_PAGES.map(({ path, Page }) => (
                <Route key={path} path={path} component={Page} />
              ))}
              <Route>
                <PersonalPages config={config} />
              </Route>
            </Switch>
          </Suspense>
        </ErrorBoundary>
      </Router>
    </ConfigContext>
  );
}

/**
 * Pages of the person who is logged in. A login that ends leaves the page as it is, with all that was typed, behind a
 * dialog in which the same person logs in again.
 */
function PersonalPages({ config }: { config: Config }) {
  const { session: current, last } = useSession(session);
  const person = current?.kind === "person" ? current : last;
  if (!person) return <LoginPage />;
  return (
    <>
      <PagesOfPerson key={`${person.account}/${person.tenant ?? ""}`} person={person} config={config} />
      {current === null && <LoginDialog person={person} />}
    </>
  );
}

/** Leads to the choice of a tenant, and from there to where it was asked for. */
function ToTenants() {
  const [path] = useLocation();
  const search = useSearch();
  const here = search ? `${path}?${search}` : path;
  return <Redirect to={here === "/" ? "/tenants" : `/tenants?to=${encodeURIComponent(here)}`} replace />;
}

function PagesOfPerson({ person, config }: { person: PersonSession; config: Config }) {
  const client = useMemo(() => createApiClient(config), [config]);
  return (
    <Provider value={client}>
      <Switch>
        {[...ACCOUNT_PAGES, ...(person.tenant ? TENANT_PAGES : [])].map(({ path, Page }) => (
          <Route key={path} path={path} component={Page} />
        ))}
        {!person.tenant && (
          <Route>
            <ToTenants />
          </Route>
        )}
        <Route>
          <NotFoundPage />
        </Route>
      </Switch>
    </Provider>
  );
}
