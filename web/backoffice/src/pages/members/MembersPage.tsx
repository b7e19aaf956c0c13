import "./members.css";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useQuery } from "urql";
import type { MemberRowFragment, UserFilter } from "../../gql/graphql";
import { Shell } from "../../shell/Shell";
import { useFormat } from "../../ui/format";
import { Loading } from "../../ui/Loading";
import { NextPage } from "../../ui/NextPage";
import { problemOfError } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { SearchField } from "../../ui/SearchField";
import { SelectField } from "../../ui/SelectField";
import { useAddressState } from "../../ui/useAddressState";
import { Outcome } from "../account/Outcome";
import { InviteButton } from "./InviteButton";
import { LeaveTenant } from "./LeaveTenant";
import { MemberDialog, type MemberAction } from "./MemberDialog";
import { MemberTabs } from "./MemberTabs";
import { MEMBERS_PAGE, MORE_MEMBERS } from "./operations";
import { isRole, ROLES, rolesToGive } from "./RoleField";

const STATES = ["active", "inactive", "former"] as const;

/** Members of the tenant, by their names. */
export default function MembersPage() {
  const { t } = useTranslation("members");
  const { number } = useFormat();
  const [asked, setAsked] = useState<{ member: MemberRowFragment; action: MemberAction } | null>(null);
  const [done, setDone] = useState("");
  const [canReadEmails, setCanReadEmails] = useState(true);
  const [search] = useAddressState("q");
  const [role] = useAddressState("role");
  const [state] = useAddressState("state");
  const filter = filterOf(search, role, state, canReadEmails);
  const [{ data, error, fetching }] = useQuery({ query: MEMBERS_PAGE, variables: { filter } });
  const viewer = data?.viewer;
  const mayWrite = viewer?.permissions.includes("MEMBERS_WRITE") ?? true;
  if (mayWrite !== canReadEmails) setCanReadEmails(mayWrite);
  const rows = (members: readonly MemberRowFragment[]) =>
    members.map((member) => (
      <MemberRow
        key={member.id}
        member={member}
        isViewer={member.id === viewer?.user?.id}
        onAsk={(action) => {
          setDone("");
          setAsked({ member, action });
        }}
      />
    ));
  return (
    <Shell data={data} title={t("title")}>
      <MemberTabs viewer={viewer} />
      <div className="row spread">
        <SearchField label={t(mayWrite ? "searchEmails" : "search")} />
        {viewer && mayWrite && <InviteButton roles={rolesToGive(viewer)} />}
      </div>
      <Filters />
      <ProblemNotice problem={problemOfError(error)} />
      <Outcome>{done && <p>{done}</p>}</Outcome>
      {fetching && !data && <Loading />}
      {data && (
        <>
          <p className="soft" role="status">
            {t("count", { count: data.users.totalCount, number: number(data.users.totalCount) })}
          </p>
          <ul className="people">
            {rows(data.users.nodes)}
            <NextPage
              key={JSON.stringify(filter)}
              before={data.users}
              query={MORE_MEMBERS}
              variablesOf={(after) => ({ filter, after })}
              pageOf={(next) => next.users}
              frame={(button) => <li>{button}</li>}
            >
              {rows}
            </NextPage>
          </ul>
          {viewer?.tenant && (
            <LeaveTenant name={viewer.tenant.name} mayLeave={data.tenant?.viewerCan.leave ?? false} />
          )}
        </>
      )}
      {asked && (
        <MemberDialog {...asked} roles={rolesToGive(viewer)} onDone={setDone} onClose={() => setAsked(null)} />
      )}
    </Shell>
  );
}

function filterOf(search: string, role: string, state: string, canReadEmails: boolean): UserFilter | null {
  const filter: UserFilter = {};
  if (search) filter[search.includes("@") && canReadEmails ? "email" : "fullName"] = { contains: search };
  if (isRole(role)) filter.role = { eq: role };
  if (state === "former") filter.isFormer = { eq: true };
  else if (state) filter.isActive = { eq: state === "active" };
  return Object.keys(filter).length > 0 ? filter : null;
}

function Filters() {
  const { t } = useTranslation("members");
  const { t: common } = useTranslation();
  const [role, setRole] = useAddressState("role");
  const [state, setState] = useAddressState("state");
  return (
    <div className="row filters" role="group" aria-label={t("filters")}>
      <SelectField
        label={t("role")}
        value={role}
        choices={ROLES.map((each) => ({ id: each, name: common(`roles.${each}`) }))}
        none={t("allRoles")}
        onChange={setRole}
      />
      <SelectField
        label={t("state.label")}
        value={state}
        choices={STATES.map((each) => ({ id: each, name: t(`state.${each}`) }))}
        none={t("state.all")}
        onChange={setState}
      />
    </div>
  );
}

interface RowProps {
  member: MemberRowFragment;
  isViewer: boolean;
  onAsk: (action: MemberAction) => void;
}

function MemberRow({ member, isViewer, onAsk }: RowProps) {
  const { t } = useTranslation("members");
  const { t: common } = useTranslation();
  const { day } = useFormat();
  const { fullName, email, role, isActive, isFormer, createdAt, viewerCan } = member;
  const actions: readonly [MemberAction, boolean][] = [
    ["changeRole", viewerCan.changeRole],
    [isActive ? "deactivate" : "activate", viewerCan.setActive],
    ["remove", viewerCan.remove],
  ];
  return (
    <li className="card" data-member={member.id}>
      <div>
        <h2>
          {fullName} {isViewer && <span className="badge">{t("you")}</span>}
        </h2>
        <p className="soft facts">
          {email && <span>{email}</span>}
          <span>{t("since", { date: day(createdAt) })}</span>
        </p>
      </div>
      <div className="row">
        <span className="badge">{common(`roles.${role}`)}</span>
        {isFormer ? (
          <span className="badge off">{t("state.former")}</span>
        ) : (
          !isActive && <span className="badge off">{t("state.inactive")}</span>
        )}
      </div>
      <div className="row actions">
        {actions.map(
          ([action, isAllowed]) =>
            isAllowed && (
              <button
                key={action}
                type="button"
                className={action === "remove" ? "danger" : undefined}
                aria-label={`${t(`action.${action}`)}: ${fullName}`}
                onClick={() => onAsk(action)}
              >
                {t(`action.${action}`)}
              </button>
            ),
        )}
      </div>
    </li>
  );
}
