import { useState } from "react";
import { useTranslation } from "react-i18next";
import { BASE_PATH } from "../../address";
import type { Role } from "../../gql/graphql";
import { Dialog } from "../../ui/Dialog";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { TextField } from "../../ui/TextField";
import { useChange } from "../../ui/useChange";
import { useSubmit } from "../../ui/useSubmit";
import { INVITE_MEMBER } from "./operations";
import { RoleField, roleOf } from "./RoleField";
import { Secret } from "./Secret";

const LONGEST_EMAIL = 255;

/** Asks somebody to join the tenant. */
export function InviteButton({ roles }: { roles: readonly Role[] }) {
  const { t } = useTranslation("members");
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button type="button" className="primary" onClick={() => setOpen(true)}>
        {t("invite.open")}
      </button>
      {isOpen && <InviteDialog roles={roles} onClose={() => setOpen(false)} />}
    </>
  );
}

function InviteDialog({ roles, onClose }: { roles: readonly Role[]; onClose: () => void }) {
  const { t } = useTranslation("members");
  const [sent, setSent] = useState<{ email: string; link: string } | null>(null);
  const invite = useChange(INVITE_MEMBER);
  const { submit, problem, isBusy } = useSubmit(async ({ email = "", role }) => {
    const { answer, problem } = await invite({ input: { email, role: roleOf(role) } });
    if (answer?.__typename === "Invitation") setSent({ email, link: linkOf(answer.token) });
    return problem;
  });
  return (
    <Dialog title={t("invite.title")} onClose={onClose}>
      {sent ? (
        <>
          <p role="status">{t("invite.sent", { email: sent.email })}</p>
          <Secret label={t("invite.link")} text={sent.link} onDone={onClose} />
        </>
      ) : (
        <form onSubmit={submit} aria-busy={isBusy}>
          <ProblemNotice problem={problem} texts={{ ALREADY_EXISTS: t("invite.memberAlready") }} />
          <TextField
            label={t("email")}
            name="email"
            type="email"
            problem={problem}
            maxLength={LONGEST_EMAIL}
            autoComplete="off"
            required
          />
          <RoleField roles={roles} />
          <p className="soft">{t("invite.explanation")}</p>
          <button type="submit" className="primary" disabled={isBusy}>
            {t("invite.send")}
          </button>
        </form>
      )}
    </Dialog>
  );
}

const linkOf = (token: string | null | undefined) =>
  `${location.origin}${BASE_PATH}/accept-invitation#token=${encodeURIComponent(token ?? "")}`;
