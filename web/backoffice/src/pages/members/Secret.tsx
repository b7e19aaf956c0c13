import { useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

/** A text that is shown once, to be copied. */
export function Secret({ label, text, onDone }: { label: string; text: string; onDone: () => void }) {
  const { t } = useTranslation("members");
  const field = useRef<HTMLInputElement>(null);
  const [copied, setCopied] = useState<"" | "copied" | "copyByHand">("");
  const id = useId();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied("copied");
    } catch {
      field.current?.select(); // a page without TLS may not write to the clipboard
      setCopied("copyByHand");
    }
  };
  return (
    <>
      <div className="field">
        <label htmlFor={id}>{label}</label>
        <input id={id} ref={field} className="secret" value={text} readOnly onFocus={(event) => event.target.select()} />
      </div>
      <div className="row">
        {/* In focus, since what the dialog held before is gone. */}
        <button type="button" className="primary" autoFocus onClick={() => void copy()}>
          {t("copy")}
        </button>
        <button type="button" onClick={onDone}>
          {t("done")}
        </button>
        <span role="status">{copied && t(copied)}</span>
      </div>
    </>
  );
}
