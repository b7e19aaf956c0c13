import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { MemberRowFragment, Role } from "../../gql/graphql";
import { ConfirmDialog } from "../../ui/ConfirmDialog";
import { Dialog } from "../../ui/Dialog";
import { ProblemNotice } from "../../ui/ProblemNotice";
import type { Problem } from "../../ui/problem";
import { useChange } from "../../ui/useChange";
import { useSubmit } from "../../ui/useSubmit";
import { CHANGE_MEMBER_ROLE, REMOVE_MEMBER, SET_USERS_ACTIVE } from "./operations";
import { RoleField, roleOf } from "./RoleField";

export type MemberAction = "changeRole" | "activate" | "deactivate" | "remove";

interface Props {
  /** As the member was when the dialog was opened. */
  member: MemberRowFragment;
  roles: readonly Role[];
  onDone: (sentence: string) => void;
  onClose: () => void;
}

/** What is done to a member, once it is confirmed. */
export function MemberDialog({ action, ...props }: Props & { action: MemberAction }) {
  return action === "changeRole" ? <RoleDialog {...props} /> : <QuestionDialog action={action} {...props} />;
}

const GONE: Problem = { code: "NOT_FOUND", message: "", fields: [] };

function QuestionDialog({ action, member, onDone, onClose }: Props & { action: Exclude<MemberAction, "changeRole"> }) {
  const { t } = useTranslation("members");
  const setActive = useChange(SET_USERS_ACTIVE);
  const remove = useChange(REMOVE_MEMBER);
  const name = member.fullName;
  const run = async (): Promise<Problem | null> => {
    if (action === "remove") return (await remove({ id: member.id })).problem;
    const { answer, problem } = await setActive({ ids: [member.id], isActive: action === "activate" });
    return problem ?? (answer?.__typename === "UsersSwitched" && answer.count === 0 ? GONE : null);
  };
  return (
    <ConfirmDialog
      title={t(`question.${action}`, { name })}
      action={t(`action.${action}`)}
      texts={{ ILLEGAL_TRANSITION: t("lastOwner"), NOT_FOUND: t("changedAlready") }}
      onConfirm={async () => {
        const problem = await run();
        if (!problem) {
          onDone(t(`outcome.${action}`, { name }));
          onClose();
        }
        return problem;
      }}
      onClose={onClose}
    >
      <p>{t(`explanation.${action}`, { name })}</p>
    </ConfirmDialog>
  );
}

function RoleDialog({ member, roles, onDone, onClose }: Props) {
  const { t } = useTranslation("members");
  const { t: common } = useTranslation();
  const [conflict, setConflict] = useState<{ mine: Role; theirs: MemberRowFragment } | null>(null);
  const change = useChange(CHANGE_MEMBER_ROLE);
  const name = member.fullName;
  const save = async (role: Role, expectedVersion: number) => {
    const { answer, problem } = await change({ input: { id: member.id, role, expectedVersion } });
    const current = answer?.__typename === "VersionConflict" ? answer.current : null;
    if (current?.__typename === "User") {
      setConflict({ mine: role, theirs: current });
      return null;
    }
    if (!problem) {
      onDone(t("outcome.changeRole", { name, role: common(`roles.${role}`) }));
      onClose();
    }
    return problem;
  };
  const { submit, problem, isBusy } = useSubmit(({ role }) => save(roleOf(role), member.version));
  const keep = useSubmit(() => (conflict ? save(conflict.mine, conflict.theirs.version) : Promise.resolve(null)));
  return (
    <Dialog title={t("question.changeRole", { name })} onClose={onClose}>
      <ProblemNotice problem={keep.problem ?? problem} texts={{ ILLEGAL_TRANSITION: t("lastOwner") }} />
      {conflict ? (
        <form onSubmit={keep.submit}>
          <p role="status" className="notice">
            {t("conflict", {
              name,
              theirs: common(`roles.${conflict.theirs.role}`),
              state: t(conflict.theirs.isActive ? "state.active" : "state.inactive"),
              mine: common(`roles.${conflict.mine}`),
            })}
          </p>
          <div className="row">
            <button type="submit" className="primary" autoFocus disabled={keep.isBusy}>
              {common("conflict.mine")}
            </button>
            <button type="button" onClick={onClose}>
              {common("conflict.theirs")}
            </button>
          </div>
        </form>
      ) : (
        <form onSubmit={submit} aria-busy={isBusy}>
          <RoleField roles={roles} initial={member.role} />
          <p className="soft">{t("explanation.changeRole")}</p>
          <button type="submit" className="primary" disabled={isBusy}>
            {t("action.changeRole")}
          </button>
        </form>
      )}
    </Dialog>
  );
}
