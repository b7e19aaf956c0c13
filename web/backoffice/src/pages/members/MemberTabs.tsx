import { useTranslation } from "react-i18next";
import { Link, useLocation } from "wouter";
import type { Permission, ShellFragment } from "../../gql/graphql";

const TABS = [
  { path: "/members", label: "tab.members", permission: "MEMBERS_READ" },
  { path: "/members/invitations", label: "tab.invitations", permission: "MEMBERS_WRITE" },
  { path: "/members/keys", label: "tab.keys", permission: "API_KEYS_WRITE" },
] as const satisfies readonly { path: string; label: string; permission: Permission }[];

/** Who belongs to the tenant, who is asked to, and what acts in their name: as far as the viewer may manage it. */
export function MemberTabs({ viewer }: { viewer: ShellFragment["viewer"] | undefined }) {
  const { t } = useTranslation("members");
  const [location] = useLocation();
  return (
    <nav className="tabs" aria-label={t("title")}>
      {TABS.map(({ path, label, permission }) => {
        if (location !== path && !viewer?.permissions.includes(permission)) return null;
        return (
          <Link key={path} href={path} aria-current={location === path ? "page" : undefined}>
            {t(label)}
          </Link>
        );
      })}
    </nav>
  );
}
