import { useTranslation } from "react-i18next";
import { session } from "../../session";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { TextField } from "../../ui/TextField";
import { useSubmit } from "../../ui/useSubmit";

interface Props {
  /** Who logs in, where that is settled. */
  email?: string;
  tenant?: string | null;
}

export function LoginForm({ email, tenant = null }: Props) {
  const { t } = useTranslation("account");
  const { submit, problem, isBusy } = useSubmit(async (texts) => {
    await session.logIn(texts.email ?? "", texts.password ?? "", tenant);
    return null;
  });
  return (
    <form onSubmit={submit} aria-busy={isBusy}>
      <ProblemNotice problem={problem} />
      <TextField
        label={t("email")}
        name="email"
        type="email"
        autoComplete="username"
        defaultValue={email}
        readOnly={email !== undefined}
        required
      />
      <TextField label={t("password")} name="password" type="password" autoComplete="current-password" required autoFocus={email !== undefined} />
      <button type="submit" className="primary" disabled={isBusy}>
        {t("logIn")}
      </button>
    </form>
  );
}
