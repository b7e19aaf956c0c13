import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Role } from "../../gql/graphql";
import { dayFromNow, startOfDay } from "../../ui/days";
import { Dialog } from "../../ui/Dialog";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { TextField } from "../../ui/TextField";
import { useChange } from "../../ui/useChange";
import { useSubmit } from "../../ui/useSubmit";
import { CREATE_API_KEY } from "./operations";
import { RoleField, roleOf } from "./RoleField";
import { Secret } from "./Secret";

const LONGEST_NAME = 100;
const USUAL_DAYS = 90;

export function NewApiKey({ roles }: { roles: readonly Role[] }) {
  const { t } = useTranslation("members");
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button type="button" className="primary" onClick={() => setOpen(true)}>
        {t("key.open")}
      </button>
      {isOpen && <NewApiKeyDialog roles={roles} onClose={() => setOpen(false)} />}
    </>
  );
}

function NewApiKeyDialog({ roles, onClose }: { roles: readonly Role[]; onClose: () => void }) {
  const { t } = useTranslation("members");
  const [token, setToken] = useState<string | null>(null);
  const create = useChange(CREATE_API_KEY);
  const { submit, problem, isBusy } = useSubmit(async ({ name = "", role, expiresAt = "" }) => {
    const { answer, problem } = await create({
      input: { name, role: roleOf(role), expiresAt: startOfDay(expiresAt, 1) },
    });
    if (answer?.__typename === "ApiKey") setToken(answer.token ?? "");
    return problem;
  });
  return (
    <Dialog title={t("key.title")} onClose={onClose}>
      {token !== null ? (
        <>
          <p role="status" className="notice">
            {t("key.once")}
          </p>
          <Secret label={t("key.token")} text={token} onDone={onClose} />
        </>
      ) : (
        <form onSubmit={submit} aria-busy={isBusy}>
          <ProblemNotice problem={problem} />
          <TextField
            label={t("key.name")}
            name="name"
            hint={t("key.nameHint")}
            problem={problem}
            maxLength={LONGEST_NAME}
            autoComplete="off"
            required
          />
          <RoleField roles={roles} />
          <TextField
            label={t("key.lastDay")}
            name="expiresAt"
            type="date"
            hint={t("key.lastDayHint")}
            problem={problem}
            defaultValue={dayFromNow(USUAL_DAYS)}
          />
          <button type="submit" className="primary" disabled={isBusy}>
            {t("key.create")}
          </button>
        </form>
      )}
    </Dialog>
  );
}
