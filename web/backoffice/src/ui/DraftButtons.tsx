import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ConflictDialog } from "./ConflictDialog";
import type { useDraft } from "./useDraft";

interface Props<Current extends { version: number }, Draft extends object> {
  form: ReturnType<typeof useDraft<Current, Draft>>;
  isReadOnly: boolean;
  /** Returns what is compared where two have changed one thing. */
  textOf: (version: Draft | Current) => string;
  /** What else may be done while nothing is changed. */
  children: ReactNode;
}

/** What is done with a draft: saved or discarded, and in a conflict chosen. */
export function DraftButtons<Current extends { version: number }, Draft extends object>(props: Props<Current, Draft>) {
  const { form, isReadOnly, textOf, children } = props;
  const { t } = useTranslation();
  const { conflict, hasChanges } = form;
  return (
    <>
      <div className="row">
        {!isReadOnly && (
          <button type="submit" className="primary" disabled={!hasChanges || form.isBusy}>
            {t("draft.save")}
          </button>
        )}
        {hasChanges ? (
          <button type="button" onClick={form.discard}>
            {t("draft.discard")}
          </button>
        ) : (
          children
        )}
        <span role="status">{form.isSaved && t("draft.saved")}</span>
      </div>
      {conflict && (
        <ConflictDialog
          mine={textOf(form.values)}
          theirs={textOf(conflict.theirs)}
          onMine={conflict.keepMine}
          onTheirs={conflict.takeTheirs}
          onClose={conflict.close}
        />
      )}
    </>
  );
}
