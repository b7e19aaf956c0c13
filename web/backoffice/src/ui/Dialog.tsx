import { useId, useLayoutEffect, useRef, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

/** A modal dialog, open for as long as it is rendered; Escape and its button close it. */
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ReactNode }) {
  const { t } = useTranslation();
  const element = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    dialog?.querySelector<HTMLElement>("input:not([readonly]), textarea, select")?.focus(); // rather than what closes it
    return () => dialog?.close(); // gives the focus back, while the dialog is still there
  }, []);
  return (
    <dialog
      ref={element}
      aria-labelledby={titleId}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault(); // whoever renders it decides: a browser asks nobody at the second Escape in a row
        event.stopPropagation();
        onClose();
      }}
      onCancel={(event) => {
        event.preventDefault(); // such as a phone's gesture
        onClose();
      }}
    >
      <h2 id={titleId}>{title}</h2>
      {children}
      {/* Comes last: a dialog opens with its first control in focus. */}
      <button type="button" className="quiet close" aria-label={t("close")} onClick={onClose}>
        ×
      </button>
    </dialog>
  );
}
