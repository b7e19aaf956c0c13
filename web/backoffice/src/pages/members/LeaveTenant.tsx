import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { session } from "../../session";
import { ConfirmDialog } from "../../ui/ConfirmDialog";
import { useChange } from "../../ui/useChange";
import { LEAVE_TENANT } from "./operations";

/** The end of the viewer's own membership. */
export function LeaveTenant({ name, mayLeave }: { name: string; mayLeave: boolean }) {
  const { t } = useTranslation("members");
  const [isAsking, setAsking] = useState(false);
  const [, navigate] = useLocation();
  const leave = useChange(LEAVE_TENANT);
  const run = async () => {
    const { problem } = await leave({});
    if (problem) return problem;
    navigate("/tenants");
    await session.renew(); // the token was one of the tenant's
    return null;
  };
  return (
    <section className="leave" aria-labelledby="leave">
      <h2 id="leave">{t("leave.title")}</h2>
      <p className="soft">{t(mayLeave ? "leave.explanation" : "leave.lastOwner", { name })}</p>
      {mayLeave && (
        <button type="button" className="danger" onClick={() => setAsking(true)}>
          {t("leave.open")}
        </button>
      )}
      {isAsking && (
        <ConfirmDialog
          title={t("leave.question", { name })}
          action={t("leave.confirm")}
          texts={{ ILLEGAL_TRANSITION: t("leave.lastOwner", { name }) }}
          onConfirm={run}
          onClose={() => setAsking(false)}
        >
          <p>{t("leave.explanation", { name })}</p>
        </ConfirmDialog>
      )}
    </section>
  );
}
