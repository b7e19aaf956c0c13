import { useTranslation } from "react-i18next";
import { send } from "../../../../shared/api";
import { REGISTER } from "../../../../shared/operations";
import { session } from "../../session";
import { problemOfAnswer } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { TextField } from "../../ui/TextField";
import { useSubmit } from "../../ui/useSubmit";
import { NewPasswordField } from "./NewPasswordField";

/** Makes an account, and logs it in; `onDone` is called before that. */
export function RegisterForm({ onDone }: { onDone?: () => void }) {
  const { t } = useTranslation("account");
  const { submit, problem, isBusy } = useSubmit(async ({ email = "", fullName = "", password = "" }) => {
    const { register } = await send(REGISTER, { input: { email, fullName, password } });
    if (register.__typename !== "Session") return problemOfAnswer(register);
    onDone?.();
    session.enter(register);
    return null;
  });
  return (
    <form onSubmit={submit} aria-busy={isBusy}>
      <ProblemNotice problem={problem} beside={["fullName", "email", "password"]} />
      <TextField label={t("name")} name="fullName" autoComplete="name" maxLength={100} problem={problem} required />
      <TextField label={t("email")} name="email" type="email" autoComplete="username" problem={problem} required />
      <NewPasswordField label={t("password")} name="password" problem={problem} />
      <button type="submit" className="primary" disabled={isBusy}>
        {t("register")}
      </button>
    </form>
  );
}
