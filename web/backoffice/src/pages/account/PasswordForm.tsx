import { useState } from "react";
import { useTranslation } from "react-i18next";
import { graphql } from "../../gql";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { TextField } from "../../ui/TextField";
import { useChange } from "../../ui/useChange";
import { useSubmit } from "../../ui/useSubmit";
import { NewPasswordField } from "./NewPasswordField";
import { Outcome } from "./Outcome";
import { nameWrongPassword } from "./wrongPassword";

const CHANGE = graphql(`
  mutation ChangePassword($input: ChangePasswordInput!) {
    changePassword(input: $input) {
      __typename
      ... on SessionsEnded { count }
      ... on RateLimited { retryAfter }
      ... on InvalidInput { fields { path message } }
      ... on Error { code message }
    }
  }
`);

export function PasswordForm({ email, onChanged }: { email: string; onChanged: () => void }) {
  const { t } = useTranslation("account");
  const [ended, setEnded] = useState<number | null>(null);
  const [times, setTimes] = useState(0);
  const change = useChange(CHANGE);
  const { submit, problem, isBusy } = useSubmit(async ({ currentPassword = "", newPassword = "" }) => {
    setEnded(null);
    const { answer, problem: found } = await change({ input: { currentPassword, newPassword } });
    if (answer?.__typename !== "SessionsEnded") return found;
    setEnded(answer.count);
    setTimes(times + 1);
    onChanged();
    return null;
  });
  return (
    <section className="card" aria-labelledby="change-password">
      <h2 id="change-password">{t("changePassword.title")}</h2>
      <Outcome>{ended !== null && <p>{t("changePassword.done", { count: ended })}</p>}</Outcome>
      <form key={times} onSubmit={submit} aria-busy={isBusy}>
        <ProblemNotice problem={nameWrongPassword(problem)} beside={["currentPassword", "newPassword"]} />
        {/* Password managers ask for whose password it is. */}
        <input type="email" name="email" autoComplete="username" value={email} readOnly hidden />
        <TextField
          label={t("changePassword.current")}
          name="currentPassword"
          type="password"
          autoComplete="current-password"
          problem={problem}
          required
        />
        <NewPasswordField label={t("newPassword")} name="newPassword" problem={problem} />
        <button type="submit" className="primary" disabled={isBusy}>
          {t("changePassword.change")}
        </button>
      </form>
    </section>
  );
}
