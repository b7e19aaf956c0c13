import { useTranslation } from "react-i18next";
import type { Problem } from "../../ui/problem";
import { TextField } from "../../ui/TextField";

interface Props {
  label: string;
  name: string;
  problem: Problem | null;
}

/** A field for a password that is yet to be, with its rules; a password manager proposes one. */
export function NewPasswordField(props: Props) {
  const { t } = useTranslation("account");
  return <TextField {...props} type="password" autoComplete="new-password" hint={t("passwordRules")} required />;
}
