import "./members.css";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useQuery } from "urql";
import type { InvitationRowFragment } from "../../gql/graphql";
import { Shell } from "../../shell/Shell";
import { ConfirmDialog } from "../../ui/ConfirmDialog";
import { useFormat } from "../../ui/format";
import { Loading } from "../../ui/Loading";
import { NextPage } from "../../ui/NextPage";
import { problemOfError } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { SearchField } from "../../ui/SearchField";
import { useAddressState } from "../../ui/useAddressState";
import { useChange } from "../../ui/useChange";
import { Outcome } from "../account/Outcome";
import { InviteButton } from "./InviteButton";
import { MemberTabs } from "./MemberTabs";
import { INVITATIONS_PAGE, MORE_INVITATIONS, REVOKE_INVITATION } from "./operations";
import { rolesToGive } from "./RoleField";

/** Open invitations to the tenant, the latest first. */
export default function InvitationsPage() {
  const { t } = useTranslation("members");
  const { number } = useFormat();
  const [asked, setAsked] = useState<InvitationRowFragment | null>(null);
  const [done, setDone] = useState("");
  const [search] = useAddressState("q");
  const filter = search ? { email: { contains: search } } : null;
  const [{ data, error, fetching }] = useQuery({ query: INVITATIONS_PAGE, variables: { filter } });
  const rows = (invitations: readonly InvitationRowFragment[]) =>
    invitations.map((invitation) => (
      <InvitationRow
        key={invitation.id}
        invitation={invitation}
        onAsk={() => {
          setDone("");
          setAsked(invitation);
        }}
      />
    ));
  return (
    <Shell data={data} title={t("tab.invitations")}>
      <MemberTabs viewer={data?.viewer} />
      <div className="row spread">
        <SearchField label={t("invite.search")} />
        {data && <InviteButton roles={rolesToGive(data.viewer)} />}
      </div>
      <ProblemNotice problem={problemOfError(error)} />
      <Outcome>{done && <p>{done}</p>}</Outcome>
      {fetching && !data && <Loading />}
      {data && (
        <>
          <p className="soft" role="status">
            {t("invite.count", { count: data.invitations.totalCount, number: number(data.invitations.totalCount) })}
          </p>
          <ul className="people">
            {rows(data.invitations.nodes)}
            <NextPage
              key={search}
              before={data.invitations}
              query={MORE_INVITATIONS}
              variablesOf={(after) => ({ filter, after })}
              pageOf={(next) => next.invitations}
              frame={(button) => <li>{button}</li>}
            >
              {rows}
            </NextPage>
          </ul>
        </>
      )}
      {asked && <RevokeDialog invitation={asked} onDone={setDone} onClose={() => setAsked(null)} />}
    </Shell>
  );
}

function InvitationRow({ invitation, onAsk }: { invitation: InvitationRowFragment; onAsk: () => void }) {
  const { t } = useTranslation("members");
  const { t: common } = useTranslation();
  const { moment } = useFormat();
  const { email, role, createdAt, expiresAt, viewerCan } = invitation;
  return (
    <li className="card" data-invitation={invitation.id}>
      <div>
        <h2>{email}</h2>
        <p className="soft">{t("invite.times", { sent: moment(createdAt), until: moment(expiresAt ?? "") })}</p>
      </div>
      <div className="row">
        <span className="badge">{common(`roles.${role}`)}</span>
      </div>
      <div className="row actions">
        {viewerCan.revoke && (
          <button
            type="button"
            className="danger"
            aria-label={`${t("invite.revoke")}: ${email ?? ""}`}
            onClick={onAsk}
          >
            {t("invite.revoke")}
          </button>
        )}
      </div>
    </li>
  );
}

interface RevokeProps {
  invitation: InvitationRowFragment;
  onDone: (sentence: string) => void;
  onClose: () => void;
}

function RevokeDialog({ invitation, onDone, onClose }: RevokeProps) {
  const { t } = useTranslation("members");
  const revoke = useChange(REVOKE_INVITATION);
  const email = invitation.email ?? "";
  return (
    <ConfirmDialog
      title={t("invite.revokeQuestion")}
      action={t("invite.revoke")}
      texts={{ NOT_FOUND: t("invite.notOpen") }}
      onConfirm={async () => {
        const { problem } = await revoke({ id: invitation.id });
        if (!problem) {
          onDone(t("invite.revoked", { email }));
          onClose();
        }
        return problem;
      }}
      onClose={onClose}
    >
      <p>{t("invite.revokeExplanation", { email })}</p>
    </ConfirmDialog>
  );
}
