import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useQuery } from "urql";
import { Shell } from "../../shell/Shell";
import { Loading } from "../../ui/Loading";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { problemOfError } from "../../ui/problem";
import { useRefreshOnFocus } from "../../ui/useRefreshOnFocus";
import { LOW } from "../products/low";
import { lastDays, readersZone } from "./days";
import "./home.css";
import { MyTasks } from "./MyTasks";
import { HOME } from "./operations";
import { OrdersCard } from "./OrdersCard";
import { RevenueCard } from "./RevenueCard";
import { RunningOut } from "./RunningOut";
import { TasksCard } from "./TasksCard";

/** Where a login leads to: the numbers of the tenant's last days, and what waits for the viewer. */
export function HomePage() {
  const { t } = useTranslation();
  const [now, setNow] = useState(() => Date.now());
  const { since, days } = useMemo(() => lastDays(now), [now]);
  const variables = { since, timeZone: readersZone(), low: LOW };
  const [{ data, error, fetching }, refetch] = useQuery({ query: HOME, variables });
  useRefreshOnFocus(() => {
    const latest = Date.now();
    setNow(latest);
    if (lastDays(latest).since === since) refetch({ requestPolicy: "network-only" }); // another day is another query
  });
  const seesAll = data?.viewer?.permissions.includes("ORDERS_WRITE") ?? false;
  return (
    <Shell data={data} title={t("home.title")}>
      <ProblemNotice problem={problemOfError(error)} />
      {fetching && !data && <Loading />}
      {data && (
        <>
          <p>{t("home.welcome", { name: data.viewer?.fullName })}</p>
          <div className={seesAll ? "overview of-all" : "overview"}>
            <OrdersCard data={data} days={days} isOfAll={seesAll} />
            {seesAll && <RevenueCard data={data} days={days} />}
            <TasksCard stats={data.taskStats} />
            <MyTasks tasks={data.myTasks} now={now} />
            <RunningOut products={data.runningOut} />
          </div>
        </>
      )}
    </Shell>
  );
}
