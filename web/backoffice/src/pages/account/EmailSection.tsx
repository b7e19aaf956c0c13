import { useState } from "react";
import { useTranslation } from "react-i18next";
import { graphql } from "../../gql";
import { useFormat } from "../../ui/format";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { TextField } from "../../ui/TextField";
import { useChange } from "../../ui/useChange";
import { useSubmit } from "../../ui/useSubmit";
import { Outcome } from "./Outcome";
import { nameWrongPassword } from "./wrongPassword";

const VERIFY = graphql(`
  mutation RequestEmailVerification {
    requestEmailVerification {
      __typename
      ... on MailRequested { validMinutes }
      ... on RateLimited { retryAfter }
      ... on Error { code message }
    }
  }
`);

const CHANGE = graphql(`
  mutation RequestEmailChange($input: RequestEmailChangeInput!) {
    requestEmailChange(input: $input) {
      __typename
      ... on MailRequested { validMinutes }
      ... on RateLimited { retryAfter }
      ... on InvalidInput { fields { path message } }
      ... on Error { code message }
    }
  }
`);

interface Props {
  email: string;
  verifiedAt: string | null;
  onVerified: () => void;
}

/** The address: whether it is proved, and another one in its place, which is proved before it counts. */
export function EmailSection({ email, verifiedAt, onVerified }: Props) {
  const { t } = useTranslation("account");
  const { moment } = useFormat();
  const [sentTo, setSentTo] = useState<string | null>(null);
  return (
    <section className="card" aria-labelledby="own-email">
      <h2 id="own-email">{t("email")}</h2>
      <p>
        <strong>{email}</strong>
        <br />
        <span className="soft">
          {verifiedAt ? t("verified", { when: moment(verifiedAt) }) : t("notVerified")}
        </span>
      </p>
      <Outcome>{sentTo && <p>{t("linkSent", { email: sentTo })}</p>}</Outcome>
      {!verifiedAt && <VerificationForm onSent={() => setSentTo(email)} onVerified={onVerified} />}
      <ChangeForm onSent={setSentTo} />
    </section>
  );
}

function VerificationForm({ onSent, onVerified }: { onSent: () => void; onVerified: () => void }) {
  const { t } = useTranslation("account");
  const request = useChange(VERIFY);
  const { submit, problem, isBusy } = useSubmit(async () => {
    const { problem: found } = await request({});
    if (!found) onSent();
    if (found?.code === "ILLEGAL_TRANSITION") onVerified(); // elsewhere, while this page was open
    return found;
  });
  return (
    <form onSubmit={submit} aria-busy={isBusy}>
      <ProblemNotice problem={problem} />
      <p>
        <button type="submit" disabled={isBusy}>
          {t("sendVerification")}
        </button>
      </p>
    </form>
  );
}

function ChangeForm({ onSent }: { onSent: (email: string) => void }) {
  const { t } = useTranslation("account");
  const [times, setTimes] = useState(0);
  const request = useChange(CHANGE);
  const { submit, problem, isBusy } = useSubmit(async ({ email = "", password = "" }) => {
    const { problem: found } = await request({ input: { email, password } });
    if (found) return found;
    onSent(email);
    setTimes(times + 1);
    return null;
  });
  return (
    <details>
      <summary>{t("changeEmail.title")}</summary>
      <form key={times} onSubmit={submit} aria-busy={isBusy}>
        <ProblemNotice problem={nameWrongPassword(problem)} beside={["email", "password"]} />
        <p className="soft">{t("changeEmail.explanation")}</p>
        <TextField label={t("changeEmail.email")} name="email" type="email" autoComplete="email" problem={problem} required />
        <TextField
          label={t("password")}
          name="password"
          type="password"
          autoComplete="current-password"
          problem={problem}
          required
        />
        <button type="submit" className="primary" disabled={isBusy}>
          {t("changeEmail.send")}
        </button>
      </form>
    </details>
  );
}
