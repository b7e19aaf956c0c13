import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Permission, Role, ShellFragment } from "../../gql/graphql";

export const ROLES: readonly Role[] = ["MEMBER", "ADMIN", "OWNER"];
export const isRole = (text: string | undefined): text is Role => (ROLES as readonly (string | undefined)[]).includes(text);

/** Return the roles that the viewer may give: only owners make owners. */
export function rolesToGive(viewer: ShellFragment["viewer"] | undefined): readonly Role[] {
  const needed: Permission = "OWNERS_WRITE";
  return viewer?.permissions.includes(needed) ? ROLES : ROLES.slice(0, -1);
}

/** Return the role that a form was sent with. */
export const roleOf = (text: string | undefined): Role => (isRole(text) ? text : "MEMBER");

/** A choice of a role, with what it allows. */
export function RoleField({ roles, initial = "MEMBER" }: { roles: readonly Role[]; initial?: Role }) {
  const { t } = useTranslation("members");
  const { t: common } = useTranslation();
  const [role, setRole] = useState(initial);
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{t("role")}</label>
      <select
        id={id}
        name="role"
        value={role}
        aria-describedby={`${id}-hint`}
        onChange={(event) => setRole(roleOf(event.target.value))}
      >
        {roles.map((each) => (
          <option key={each} value={each}>
            {common(`roles.${each}`)}
          </option>
        ))}
      </select>
      <small id={`${id}-hint`}>{t(`allows.${role}`)}</small>
    </div>
  );
}
