import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { send } from "../../../../shared/api";
import { ACCEPT_INVITATION } from "../../../../shared/operations";
import { useSession, type PersonSession } from "../../../../shared/session";
import { session } from "../../session";
import { PlainPage } from "../../shell/PlainPage";
import { problemOfAnswer } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { useSubmit } from "../../ui/useSubmit";
import { LoginForm } from "./LoginForm";
import { RegisterForm } from "./RegisterForm";
import { useLinkToken } from "./useLinkToken";

/** Join a tenant by a link that was mailed. Whoever is not logged in logs in here, or makes an account, and stays here. */
export default function AcceptInvitationPage() {
  const { t } = useTranslation("account");
  const token = useLinkToken();
  const { session: current } = useSession(session);
  return (
    <PlainPage title={t("invitation.title")}>
      {!token && <p>{t("noToken")}</p>}
      {token && current?.kind === "person" && <Acceptance key={token} token={token} person={current} />}
      {token && current?.kind !== "person" && <FirstLogIn />}
    </PlainPage>
  );
}

function Acceptance({ token, person }: { token: string; person: PersonSession }) {
  const { t } = useTranslation("account");
  const [, navigate] = useLocation();
  const { submit, problem, isBusy } = useSubmit(async () => {
    const { acceptInvitation: result } = await send(ACCEPT_INVITATION, { token }, await session.authorization());
    if (result.__typename !== "Tenant") return problemOfAnswer(result);
    await session.switchTenant(result.slug, () => navigate("/", { replace: true }));
    return null;
  });
  return (
    <form onSubmit={submit} aria-busy={isBusy}>
      <p>{t("invitation.explanation", { email: person.email })}</p>
      <ProblemNotice problem={problem} />
      <div className="row">
        <button type="submit" className="primary" disabled={isBusy}>
          {t("invitation.accept")}
        </button>
        <button type="button" onClick={() => void session.logOut()}>
          {t("invitation.other")}
        </button>
      </div>
    </form>
  );
}

/** The page's address, and so the token in it, stays as it is. */
function FirstLogIn() {
  const { t } = useTranslation("account");
  const [isNew, setNew] = useState(false);
  return (
    <>
      <p>{t(isNew ? "invitation.registerFirst" : "invitation.logInFirst")}</p>
      {isNew ? <RegisterForm /> : <LoginForm />}
      <p className="below">
        {t(isNew ? "haveAccount" : "noAccount")}{" "}
        <button type="button" className="link" onClick={() => setNew(!isNew)}>
          {t(isNew ? "logIn" : "register")}
        </button>
      </p>
    </>
  );
}
