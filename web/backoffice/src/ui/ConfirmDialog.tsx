import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Dialog } from "./Dialog";
import { problemOfThrown, type Problem } from "./problem";
import { ProblemNotice, type ProblemTexts } from "./ProblemNotice";

interface Props {
  /** The question. */
  title: string;
  /** What doing it means. */
  children: ReactNode;
  /** What is done, on the button that does it. */
  action: string;
  /** Does it; the dialog stays open with what was wrong, if anything was. */
  onConfirm: () => Promise<Problem | null>;
  onClose: () => void;
  texts?: ProblemTexts;
}

/** Asks before something is done that cannot be taken back, or that somebody else will feel. */
export function ConfirmDialog({ title, children, action, onConfirm, onClose, texts }: Props) {
  const { t } = useTranslation();
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isBusy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    setProblem(null);
    try {
      setProblem(await onConfirm());
    } catch (error) {
      setProblem(problemOfThrown(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <ProblemNotice problem={problem} texts={texts} />
      {children}
      <div className="row">
        <button type="button" onClick={onClose}>
          {t("cancel")}
        </button>
        <button type="button" className="danger" disabled={isBusy} onClick={() => void run()}>
          {action}
        </button>
      </div>
    </Dialog>
  );
}
