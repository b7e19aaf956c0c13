import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { send } from "../../../../shared/api";
import { VERIFY_EMAIL } from "../../../../shared/operations";
import { session } from "../../session";
import { PlainPage } from "../../shell/PlainPage";
import { problemOfAnswer } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { useSubmit } from "../../ui/useSubmit";
import { Outcome } from "./Outcome";
import { useLinkToken } from "./useLinkToken";

/** Confirm an address by a link that was mailed there. It takes a click: whatever opens links in mail does not click. */
export default function VerifyEmailPage() {
  const { t } = useTranslation("account");
  const token = useLinkToken();
  const [email, setEmail] = useState<string | null>(null);
  const { submit, problem, isBusy } = useSubmit(async () => {
    const { verifyEmail: result } = await send(VERIFY_EMAIL, { token: token ?? "" });
    if (result.__typename !== "EmailVerified") return problemOfAnswer(result);
    setEmail(result.email);
    await session.renew(); // the address may be another one now
    return null;
  });
  return (
    <PlainPage title={t("verify.title")}>
      <Outcome>{email && <p>{t("verify.done", { email })}</p>}</Outcome>
      {!token && <p>{t("noToken")}</p>}
      {token && !email && (
        <form onSubmit={submit} aria-busy={isBusy}>
          <p>{t("verify.explanation")}</p>
          <ProblemNotice problem={problem} />
          <button type="submit" className="primary" disabled={isBusy}>
            {t("verify.confirm")}
          </button>
        </form>
      )}
      <p className="below">
        <Link href="/account">{t("toAccount")}</Link>
      </p>
    </PlainPage>
  );
}
