import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import type { HomePageQuery } from "../../gql/graphql";
import { useFormat } from "../../ui/format";
import { EmptyCard } from "./ChartCard";
import { ListCard } from "./ListCard";

/** What the viewer has to do, the most urgent first. */
export function MyTasks({ tasks, now }: { tasks: HomePageQuery["myTasks"]; now: number }) {
  const { t } = useTranslation("dashboard");
  const { day, number } = useFormat();
  const count = tasks.totalCount;
  if (count === 0) return <EmptyCard title={t("mine.title")} text={t("mine.none")} />;
  return (
    <ListCard title={t("mine.title")} all="/board?assignee=me" allText={t("mine.all", { count, number: number(count) })}>
      {tasks.nodes.map(({ id, title, dueDate, project }) => (
        <li key={id}>
          <span>
            <Link href={`/board?task=${encodeURIComponent(id)}`}>{title}</Link>
            {project && <small className="soft">{project.name}</small>}
          </span>
          {dueDate ? (
            <span className={Date.parse(dueDate) < now ? "wrong" : "soft"}>
              {t(Date.parse(dueDate) < now ? "mine.overdue" : "mine.due")} <time dateTime={dueDate}>{day(dueDate)}</time>
            </span>
          ) : (
            <span className="soft">{t("mine.noDueDate")}</span>
          )}
        </li>
      ))}
    </ListCard>
  );
}
