import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { CardFragment, TaskPriority } from "../../gql/graphql";
import { useFormat } from "../../ui/format";

export const PRIORITIES = ["NONE", "LOW", "MEDIUM", "HIGH", "URGENT"] as const satisfies readonly TaskPriority[];

/** How important a task is, as bars and in a word. */
export function Priority({ value }: { value: TaskPriority }) {
  const { t } = useTranslation("board");
  if (value === "NONE") return null;
  return (
    <span className={`priority priority-${value}`}>
      <svg viewBox="0 0 16 12" aria-hidden="true">
        {[1, 2, 3, 4].map((bar) => (
          <rect key={bar} x={4 * bar - 4} y={12 - 3 * bar} width="3" height={3 * bar} rx="1" opacity={bar <= PRIORITIES.indexOf(value) ? 1 : 0.22} />
        ))}
      </svg>
      {t(`priority.${value}`)}
    </span>
  );
}

export function Labels({ labels }: { labels: CardFragment["labels"]["nodes"] }) {
  const { t } = useTranslation("board");
  if (labels.length === 0) return null;
  return (
    <ul className="labels" aria-label={t("fields.labels")}>
      {labels.map(({ id, name, color }) => (
        <li key={id} className={`label label-${color}`}>
          {name}
        </li>
      ))}
    </ul>
  );
}

export function DueDate({ task: { dueDate, status }, now }: { task: Pick<CardFragment, "dueDate" | "status">; now: number }) {
  const { t } = useTranslation("board");
  const { day } = useFormat();
  if (!dueDate) return null;
  const isOverdue = status !== "DONE" && Date.parse(dueDate) < now;
  return (
    <time dateTime={dueDate} className={isOverdue ? "due overdue" : "due"}>
      {t(isOverdue ? "overdueSince" : "dueOn", { date: day(dueDate) })}
    </time>
  );
}

export function Assignee({ name }: { name: string }) {
  const initials = name.split(/\s+/).map((word) => word.charAt(0)).filter((_, index, all) => index === 0 || index === all.length - 1);
  return (
    <span className="assignee">
      <span className="avatar" aria-hidden="true">
        {initials.join("")}
      </span>
      {name}
    </span>
  );
}

/** The time, each minute anew. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 60_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
