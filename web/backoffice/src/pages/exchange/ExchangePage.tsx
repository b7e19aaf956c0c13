import "./exchange.css";
import { useTranslation } from "react-i18next";
import { useQuery } from "urql";
import { Shell } from "../../shell/Shell";
import { Loading } from "../../ui/Loading";
import { problemOfError } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { ExportSection } from "./ExportSection";
import { ImportSection } from "./ImportSection";
import { KINDS } from "./kinds";
import { EXCHANGE_PAGE } from "./operations";

/** Takes what a tenant has out into files, and what files hold into the tenant. */
export default function ExchangePage() {
  const { t } = useTranslation("exchange");
  const [{ data, error, fetching }] = useQuery({ query: EXCHANGE_PAGE });
  const viewer = data?.viewer;
  const exported = KINDS.filter(({ read }) => viewer?.permissions.includes(read));
  const imported = KINDS.filter(({ write }) => viewer?.permissions.includes(write));
  return (
    <Shell data={data} title={t("title")}>
      <ProblemNotice problem={problemOfError(error)} />
      {fetching && !data && <Loading />}
      {viewer && (
        <div className="exchange">
          <ExportSection kinds={exported} viewer={viewer} />
          <ImportSection kinds={imported} viewer={viewer} />
        </div>
      )}
    </Shell>
  );
}
