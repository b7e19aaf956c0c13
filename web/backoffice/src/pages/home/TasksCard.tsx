import { useTranslation } from "react-i18next";
import type { HomePageQuery, TaskStatus } from "../../gql/graphql";
import { useFormat } from "../../ui/format";
import { ChartCard, EmptyCard } from "./ChartCard";

const STATUSES: readonly TaskStatus[] = ["TODO", "IN_PROGRESS", "DONE"];
const ROW_HEIGHT = 52;
const BAR_HEIGHT = 12;

/** How far the tenant's tasks have come. */
export function TasksCard({ stats }: { stats: HomePageQuery["taskStats"] }) {
  const { t } = useTranslation("dashboard");
  const { number } = useFormat();
  const total = stats.totalCount;
  if (total === 0) {
    return <EmptyCard title={t("tasks.title")} text={t("tasks.none")} way={{ href: "/board", text: t("tasks.board") }} />;
  }
  const counts = STATUSES.map((status) => ({
    status,
    label: t(`status.${status}`),
    count: stats.groups.find(({ key }) => key.status === status)?.count ?? 0,
  }));
  const open = counts.reduce((sum, { status, count }) => (status === "DONE" ? sum : sum + count), 0);
  return (
    <ChartCard
      name="tasks"
      title={t("tasks.title")}
      figure={t("tasks.figure", { count: open, number: number(open) })}
      summary={t("tasks.summary", { count: total, number: number(total) })}
      columns={[t("column.status"), t("column.tasks")]}
      rows={counts.map(({ status, label, count }) => ({ key: status, head: label, value: number(count) }))}
      chart={({ labelledBy, describedBy }) => (
        <svg
          role="img"
          aria-labelledby={labelledBy}
          aria-describedby={describedBy}
          width="100%"
          height={ROW_HEIGHT * counts.length}
        >
          {counts.map(({ status, label, count }, index) => (
            <g key={status} data-status={status}>
              <text y={index * ROW_HEIGHT + 18}>{label}</text>
              <text className="count" x="100%" y={index * ROW_HEIGHT + 18} textAnchor="end">
                {number(count)}
              </text>
              <rect className="track" y={index * ROW_HEIGHT + 26} width="100%" height={BAR_HEIGHT} rx="4" />
              <rect
                className="bar"
                y={index * ROW_HEIGHT + 26}
                width={`${(count / total) * 100}%`}
                height={BAR_HEIGHT}
                rx="4"
              />
            </g>
          ))}
        </svg>
      )}
    />
  );
}
