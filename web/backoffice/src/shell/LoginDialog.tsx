import { useTranslation } from "react-i18next";
import type { PersonSession } from "../../../shared/session";
import { LoginForm } from "../pages/account/LoginForm";
import { LOGGED_OUT_ELSEWHERE, OTHER_ACCOUNT, useSession } from "../../../shared/session";
import { session } from "../session";
import { Dialog } from "../ui/Dialog";

/** Asks for the password again where the login has ended by itself. */
export function LoginDialog({ person }: { person: PersonSession }) {
  const { t } = useTranslation();
  const { ended } = useSession(session);
  return (
    <Dialog title={t("sessionEnded.title")}>
      {ended === LOGGED_OUT_ELSEWHERE && <p>{t("sessionEnded.elsewhere")}</p>}
      {ended === OTHER_ACCOUNT && <p>{t("sessionEnded.otherAccount")}</p>}
      <p>{t("sessionEnded.explanation")}</p>
      <LoginForm email={person.email} tenant={person.tenant} />
      <button type="button" className="quiet" onClick={() => session.giveUp()}>
        {t("sessionEnded.giveUp")}
      </button>
    </Dialog>
  );
}
