import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { DocumentPageQuery } from "../../gql/graphql";
import { useFormat } from "../../ui/format";
import type { Problem } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { TextDiff } from "../../ui/TextDiff";
import { useChange } from "../../ui/useChange";
import { REVERT_DOCUMENT } from "./operations";

type Document = NonNullable<DocumentPageQuery["document"]>;
type Entry = Document["history"]["nodes"][number];

/** Mutations that have a sentence of their own; any other is named as it is. */
const OPERATIONS = ["createDocument", "updateDocument", "deleteDocument", "restoreDocument", "revertDocument"] as const;
type Operation = (typeof OPERATIONS)[number];
const isKnown = (operation: string): operation is Operation => (OPERATIONS as readonly string[]).includes(operation);

/** Fields whose changes are shown; the rest is said by the entry's heading. */
const SHOWN = ["title", "content", "project"] as const;

interface Props {
  document: Document;
  projects: DocumentPageQuery["projects"]["nodes"];
  onRevert: () => void;
}

/** What was done to a document, the last first, each entry with what it changed. */
export function DocumentHistory({ document, projects, onRevert }: Props) {
  const { t } = useTranslation("documents");
  const { nodes, pageInfo } = document.history;
  return (
    <>
      <ol className="history">
        {nodes.map((entry, index) => (
          <HistoryEntry key={entry.id} {...{ entry, document, projects, onRevert }} isLatest={index === 0} />
        ))}
      </ol>
      {pageInfo.hasNextPage && <p className="soft">{t("history.older", { count: nodes.length })}</p>}
    </>
  );
}

interface EntryProps extends Props {
  entry: Entry;
  isLatest: boolean;
}

function HistoryEntry({ entry, document, projects, isLatest, onRevert }: EntryProps) {
  const { t } = useTranslation("documents");
  const { moment } = useFormat();
  const [problem, setProblem] = useState<Problem | null>(null);
  const revert = useChange(REVERT_DOCUMENT);
  const { id, operation, actor, createdAt, changes } = entry;
  const textOf = (value: unknown) => {
    if (typeof value !== "string") return "";
    return projects.find((project) => project.id === value)?.name ?? value; // a project is named by its id
  };
  const run = async () => {
    const input = { id: document.id, to: id, expectedVersion: document.version };
    const { problem: found } = await revert({ input });
    setProblem(found);
    if (!found) onRevert();
  };
  return (
    <li className="card">
      <header className="row spread">
        <h2>{isKnown(operation) ? t(`history.${operation}`) : operation}</h2>
        <span className="soft">{t("history.by", { name: actor?.fullName ?? t("history.nobody"), at: moment(createdAt) })}</span>
      </header>
      <ProblemNotice problem={problem} />
      {SHOWN.map((field) => {
        const change = changes.find((each) => each.field === field);
        const [before, after] = [textOf(change?.before), textOf(change?.after)];
        if (before === after) return null;
        return (
          <div key={field}>
            <h3>{t(`field.${field}`)}</h3>
            <TextDiff before={before} after={after} />
          </div>
        );
      })}
      {document.viewerCan.revert && !isLatest && (
        <button type="button" aria-label={t("history.revertTo", { at: moment(createdAt) })} onClick={() => void run()}>
          {t("history.revert")}
        </button>
      )}
    </li>
  );
}
