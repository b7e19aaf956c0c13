import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link, useLocation, useRoute } from "wouter";
import { graphql } from "../gql";
import type { Permission, ShellFragment } from "../gql/graphql";
import { session } from "../session";
import { ProblemNotice } from "../ui/ProblemNotice";
import { problemOfThrown, type Problem } from "../ui/problem";
import { LanguageChoice } from "./LanguageChoice";
import { usePageTitle } from "./usePageTitle";

export const SHELL = graphql(`
  fragment Shell on Query {
    viewer {
      id
      email
      fullName
      role
      permissions
      user { id }
      tenant { id name slug }
      memberships(first: 100) { nodes { role tenant { name slug } } }
    }
  }
`);

interface MenuItem {
  path: string;
  label: `menu.${"articles" | "audit" | "board" | "documents" | "exchange" | "home" | "members" | "orders" | "products"}`;
  permission?: Permission;
}

/** What the menu leads to, and the permission without which it does not. */
const MENU: readonly MenuItem[] = [
  { path: "/", label: "menu.home" },
  { path: "/board", label: "menu.board", permission: "TASKS_READ" },
  { path: "/products", label: "menu.products", permission: "PRODUCTS_READ" },
  { path: "/orders", label: "menu.orders", permission: "ORDERS_READ" },
  { path: "/documents", label: "menu.documents", permission: "DOCUMENTS_READ" },
  { path: "/articles", label: "menu.articles", permission: "ARTICLES_READ" },
  { path: "/members", label: "menu.members", permission: "MEMBERS_READ" },
  { path: "/exchange", label: "menu.exchange", permission: "TASKS_READ" },
  { path: "/audit", label: "menu.audit", permission: "AUDIT_READ" },
];

/**
 * The frame of every page within a tenant: the menu, the tenant, who is logged in. A page asks for `Shell` in its own
 * query, so that all of it is one request; until it is there the frame is, without names.
 */
export function Shell({ data, title, children }: { data: ShellFragment | undefined; title: string; children: ReactNode }) {
  const { t } = useTranslation();
  usePageTitle(title);
  const viewer = data?.viewer;
  return (
    <div className="shell">
      <a className="skip" href="#content" onClick={focusContent}>
        {t("skip")}
      </a>
      <header>
        <Link href="/" className="brand">
          Atrium
        </Link>
        <nav aria-label={t("menu.label")}>
          {menuOf(viewer).map((item) => (
            <MenuLink key={item.path} {...item} />
          ))}
        </nav>
        <div className="who">
          {viewer && viewer.memberships.nodes.length > 0 && <TenantSwitch viewer={viewer} />}
          <LanguageChoice />
          {viewer && (
            <Link href="/account" className="person" title={viewer.email}>
              {viewer.fullName}
            </Link>
          )}
          <button type="button" className="quiet" onClick={() => void session.logOut()}>
            {t("logOut")}
          </button>
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        <h1>{title}</h1>
        {children}
      </main>
    </div>
  );
}

/** Return the items that somebody may use: none without a tenant. */
function menuOf(viewer: ShellFragment["viewer"] | undefined): readonly MenuItem[] {
  if (viewer && !viewer.tenant) return [];
  return MENU.filter(({ permission }) => !permission || viewer?.permissions.includes(permission));
}

/** A link to a place on the page would be one to another page here, where addresses begin at the <base>. */
function focusContent(event: { preventDefault: () => void }): void {
  event.preventDefault();
  document.getElementById("content")?.focus();
}

function MenuLink({ path, label }: MenuItem) {
  const { t } = useTranslation();
  const [isHere] = useRoute(path === "/" ? path : `${path}/*?`);
  return (
    <Link href={path} aria-current={isHere ? "page" : undefined}>
      {t(label)}
    </Link>
  );
}

function TenantSwitch({ viewer }: { viewer: NonNullable<ShellFragment["viewer"]> }) {
  const { t } = useTranslation();
  const [problem, setProblem] = useState<Problem | null>(null);
  const [, navigate] = useLocation();
  const choose = (slug: string) => {
    setProblem(null);
    session.switchTenant(slug, () => navigate("/")).catch((error: unknown) => setProblem(problemOfThrown(error)));
  };
  return (
    <>
      <label className="inline">
        <span className="visually-hidden">{t("tenant")}</span>
        <select value={viewer.tenant?.slug ?? ""} onChange={(event) => choose(event.target.value)}>
          {!viewer.tenant && <option value="">{t("noTenant")}</option>}
          {viewer.memberships.nodes.map(({ role, tenant }) => (
            <option key={tenant.slug} value={tenant.slug}>
              {tenant.name} ({t(`roles.${role}`)})
            </option>
          ))}
        </select>
      </label>
      <ProblemNotice problem={problem} />
    </>
  );
}
