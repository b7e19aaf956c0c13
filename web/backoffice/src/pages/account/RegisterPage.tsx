import { useTranslation } from "react-i18next";
import { Link, useLocation } from "wouter";
import { PlainPage } from "../../shell/PlainPage";
import { RegisterForm } from "./RegisterForm";

/** Make an account; a tenant is made, or joined, afterwards. */
export default function RegisterPage() {
  const { t } = useTranslation("account");
  const [, navigate] = useLocation();
  return (
    <PlainPage title={t("register")}>
      <RegisterForm onDone={() => navigate("/tenants")} />
      <p className="below">
        {t("haveAccount")} <Link href="/">{t("logIn")}</Link>
      </p>
    </PlainPage>
  );
}
