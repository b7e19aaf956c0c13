import { useTranslation } from "react-i18next";
import type { PersonSession } from "../../../shared/session";
import { LoginForm } from "../pages/account/LoginForm";
import { session } from "../session";
import { Dialog } from "../ui/Dialog";

/** Asks for the password again where the login has ended by itself. */
export function LoginDialog({ person }: { person: PersonSession }) {
  const { t } = useTranslation();
  return (
    <Dialog title={t("sessionEnded.title")} onClose={() => session.forget()}>
      <p>{t("sessionEnded.explanation")}</p>
      <LoginForm email={person.email} tenant={person.tenant} />
    </Dialog>
  );
}
