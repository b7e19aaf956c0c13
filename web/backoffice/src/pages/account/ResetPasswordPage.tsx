import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { send } from "../../../../shared/api";
import { RESET_PASSWORD } from "../../../../shared/operations";
import { session } from "../../session";
import { PlainPage } from "../../shell/PlainPage";
import { problemOfAnswer } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { useSubmit } from "../../ui/useSubmit";
import { NewPasswordField } from "./NewPasswordField";
import { Outcome } from "./Outcome";
import { useLinkToken } from "./useLinkToken";

/** Set a new password by a link that was mailed. */
export default function ResetPasswordPage() {
  const { t } = useTranslation("account");
  const token = useLinkToken();
  const [isDone, setDone] = useState(false);
  const { submit, problem, isBusy } = useSubmit(async ({ newPassword = "" }) => {
    const { resetPassword: result } = await send(RESET_PASSWORD, { input: { token: token ?? "", newPassword } });
    if (result.__typename !== "SessionsEnded") return problemOfAnswer(result);
    session.forget(); // whose session has ended with all others
    setDone(true);
    return null;
  });
  const again = <Link href="/forgot-password">{t("reset.again")}</Link>;
  return (
    <PlainPage title={t("reset.title")}>
      <Outcome>{isDone && <p>{t("reset.done")}</p>}</Outcome>
      {!token && <p>{t("noToken")}</p>}
      {token && !isDone && (
        <form onSubmit={submit} aria-busy={isBusy}>
          <ProblemNotice problem={problem} beside={["newPassword"]} />
          <NewPasswordField label={t("newPassword")} name="newPassword" problem={problem} />
          <button type="submit" className="primary" disabled={isBusy}>
            {t("reset.set")}
          </button>
        </form>
      )}
      <p className="below">{isDone ? <Link href="/">{t("toLogin")}</Link> : again}</p>
    </PlainPage>
  );
}
