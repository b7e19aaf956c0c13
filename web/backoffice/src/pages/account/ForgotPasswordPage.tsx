import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { send } from "../../../../shared/api";
import { REQUEST_PASSWORD_RESET } from "../../../../shared/operations";
import { PlainPage } from "../../shell/PlainPage";
import { problemOfAnswer } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { TextField } from "../../ui/TextField";
import { useSubmit } from "../../ui/useSubmit";
import { Outcome } from "./Outcome";

/** Ask for a link to set a new password. What is said is the same whether there is such an account or not. */
export default function ForgotPasswordPage() {
  const { t } = useTranslation("account");
  const [sent, setSent] = useState<{ email: string; count: number } | null>(null);
  const { submit, problem, isBusy } = useSubmit(async ({ email = "" }) => {
    const { requestPasswordReset: result } = await send(REQUEST_PASSWORD_RESET, { email });
    if (result.__typename !== "MailRequested") return problemOfAnswer(result);
    setSent({ email, count: result.validMinutes });
    return null;
  });
  return (
    <PlainPage title={t("forgot.title")}>
      <Outcome>{sent && <p>{t("forgot.sent", sent)}</p>}</Outcome>
      {!sent && (
        <form onSubmit={submit} aria-busy={isBusy}>
          <p>{t("forgot.explanation")}</p>
          <ProblemNotice problem={problem} beside={["email"]} />
          <TextField label={t("email")} name="email" type="email" autoComplete="username" problem={problem} required />
          <button type="submit" className="primary" disabled={isBusy}>
            {t("forgot.send")}
          </button>
        </form>
      )}
      <p className="below">
        <Link href="/">{t("toLogin")}</Link>
      </p>
    </PlainPage>
  );
}
