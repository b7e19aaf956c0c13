import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { Dialog } from "../../ui/Dialog";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { TextField } from "../../ui/TextField";
import { newKey } from "../../ui/newKey";
import { useChange } from "../../ui/useChange";
import { useSubmit } from "../../ui/useSubmit";
import { CREATE_DOCUMENT } from "./operations";

const LONGEST_TITLE = 200;

export function NewDocument() {
  const { t } = useTranslation("documents");
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button type="button" className="primary" onClick={() => setOpen(true)}>
        {t("new.open")}
      </button>
      {isOpen && <NewDocumentDialog onClose={() => setOpen(false)} />}
    </>
  );
}

function NewDocumentDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation("documents");
  const [, navigate] = useLocation();
  const create = useChange(CREATE_DOCUMENT);
  const [idempotencyKey] = useState(() => newKey()); // a second click makes no second document
  const { submit, problem, isBusy } = useSubmit(async ({ title = "" }) => {
    const { answer, problem } = await create({ input: { title, idempotencyKey } });
    if (answer?.__typename === "Document") navigate(`/documents/${encodeURIComponent(answer.id)}`);
    return problem;
  });
  return (
    <Dialog title={t("new.title")} onClose={onClose}>
      <form onSubmit={submit} aria-busy={isBusy}>
        <ProblemNotice problem={problem} beside={["title"]} />
        <TextField label={t("column.title")} name="title" problem={problem} maxLength={LONGEST_TITLE} required />
        <button type="submit" className="primary" disabled={isBusy}>
          {t("new.create")}
        </button>
      </form>
    </Dialog>
  );
}
