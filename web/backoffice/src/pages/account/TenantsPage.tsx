import { useTranslation } from "react-i18next";
import { PlainPage } from "../../shell/PlainPage";

/** Choose a tenant. */
export default function TenantsPage() {
  const { t } = useTranslation("account");
  return <PlainPage title={t("chooseTenant")}>…</PlainPage>;
}
