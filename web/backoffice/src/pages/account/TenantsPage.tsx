import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useQuery } from "urql";
import { Link, useLocation, useSearch } from "wouter";
import { readReturnPath } from "../../address";
import { graphql } from "../../gql";
import type { TenantsPageQuery } from "../../gql/graphql";
import { session } from "../../session";
import { PlainPage } from "../../shell/PlainPage";
import { useFormat } from "../../ui/format";
import { Loading } from "../../ui/Loading";
import { problemOfError, problemOfThrown, type Problem } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { CreateTenantForm } from "./CreateTenantForm";
import "./account.css";

const TENANTS = graphql(`
  query TenantsPage {
    viewer {
      id
      email
      memberships(first: 100) { nodes { role tenant { name slug } } }
      invitations(first: 20) { nodes { role expiresAt } }
    }
  }
`);

type Viewer = NonNullable<TenantsPageQuery["viewer"]>;

/** Choose a tenant, see who invites, or make a tenant. */
export default function TenantsPage() {
  const { t } = useTranslation("account");
  const { t: common } = useTranslation();
  const [{ data, error }] = useQuery({ query: TENANTS });
  const [, navigate] = useLocation();
  const to = readReturnPath(useSearch());
  const enter = (slug: string) => session.switchTenant(slug, () => navigate(to, { replace: true }));
  const viewer = data?.viewer;
  return (
    <PlainPage title={t("chooseTenant")}>
      <ProblemNotice problem={problemOfError(error)} />
      {!data && !error && <Loading />}
      {viewer && <Memberships viewer={viewer} onChosen={enter} />}
      {viewer && viewer.invitations.nodes.length > 0 && <Invitations viewer={viewer} />}
      <CreateTenantForm onCreated={enter} />
      <p className="row below">
        <Link href="/account">{t("title")}</Link>
        <button type="button" className="link" onClick={() => void session.logOut()}>
          {common("logOut")}
        </button>
      </p>
    </PlainPage>
  );
}

function Memberships({ viewer, onChosen }: { viewer: Viewer; onChosen: (slug: string) => Promise<void> }) {
  const { t } = useTranslation("account");
  const { t: common } = useTranslation();
  const [problem, setProblem] = useState<Problem | null>(null);
  const choose = (slug: string) => {
    onChosen(slug).catch((error: unknown) => setProblem(problemOfThrown(error)));
  };
  if (viewer.memberships.nodes.length === 0) return <p>{t("noTenants", { email: viewer.email })}</p>;
  return (
    <>
      <ProblemNotice problem={problem} />
      <ul className="choices">
        {viewer.memberships.nodes.map(({ role, tenant }) => (
          <li key={tenant.slug}>
            <button type="button" onClick={() => choose(tenant.slug)}>
              <span>{tenant.name}</span>
              <span className="badge">{common(`roles.${role}`)}</span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

function Invitations({ viewer }: { viewer: Viewer }) {
  const { t } = useTranslation("account");
  const { t: common } = useTranslation();
  const { moment } = useFormat();
  return (
    <section aria-labelledby="invitations">
      <h2 id="invitations">{t("invitations.title")}</h2>
      <ul>
        {viewer.invitations.nodes.map(({ role, expiresAt }) => (
          <li key={expiresAt + role}>
            {t("invitations.one", { role: common(`roles.${role}`), until: moment(expiresAt) })}
          </li>
        ))}
      </ul>
      <p className="soft">{t("invitations.how", { email: viewer.email })}</p>
    </section>
  );
}
