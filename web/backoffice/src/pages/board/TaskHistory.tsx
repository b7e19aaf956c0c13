import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "urql";
import type { BoardHistoryQuery } from "../../gql/graphql";
import { useFormat } from "../../ui/format";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { problemOfError, type Problem } from "../../ui/problem";
import { TASK_HISTORY } from "./operations";

type Entry = NonNullable<BoardHistoryQuery["task"]>["history"]["nodes"][number];

const NAMED = ["title", "description", "status", "priority", "labelIds", "dueDate", "project", "assignee", "position"] as const;
type Named = (typeof NAMED)[number];

/** Who has changed what, asked for when it is opened. */
export function TaskHistory({ id }: { id: string }) {
  const { t } = useTranslation("board");
  const client = useClient();
  const [entries, setEntries] = useState<readonly Entry[]>([]);
  const [after, setAfter] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const load = async (after: string | null) => {
    const { data, error } = await client.query(TASK_HISTORY, { id, after }, { requestPolicy: "network-only" });
    setProblem(problemOfError(error));
    const page = data?.task?.history;
    if (!page) return;
    setEntries((before) => (after ? [...before, ...page.nodes] : page.nodes));
    setAfter(page.pageInfo.hasNextPage ? (page.pageInfo.endCursor ?? null) : null);
  };
  return (
    <details className="task-history" onToggle={(event) => event.currentTarget.open && void load(null)}>
      <summary>{t("history.title")}</summary>
      <ProblemNotice problem={problem} />
      <ol>
        {entries.map((entry) => (
          <HistoryEntry key={entry.id} entry={entry} />
        ))}
      </ol>
      {after && (
        <button type="button" onClick={() => void load(after)}>
          {t("history.more")}
        </button>
      )}
    </details>
  );
}

function HistoryEntry({ entry: { action, actor, changes, createdAt } }: { entry: Entry }) {
  const { t } = useTranslation("board");
  const { moment } = useFormat();
  const names = changes.map(({ field }) => field).filter((field): field is Named => (NAMED as readonly string[]).includes(field));
  const to = changes.find(({ field }) => field === "status")?.after as "TODO" | undefined;
  const fields = names.map((name) => t(`fields.${FIELD[name]}`)).join(", ");
  return (
    <li>
      <strong>{actor?.fullName ?? t("news.somebody")}</strong>{" "}
      {action === "CREATE" ? t("history.created") : t("history.changed", { fields })}
      {action !== "CREATE" && to && ` → ${t(`status.${to}`)}`}
      <br />
      <time className="soft" dateTime={createdAt}>
        {moment(createdAt)}
      </time>
    </li>
  );
}

const FIELD = {
  title: "title",
  description: "description",
  status: "status",
  priority: "priority",
  labelIds: "labels",
  dueDate: "dueDate",
  project: "project",
  assignee: "assignee",
  position: "position",
} as const;
