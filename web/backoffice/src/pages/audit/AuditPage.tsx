import "./audit.css";
import { useTranslation } from "react-i18next";
import { useQuery } from "urql";
import type { AuditRowFragment } from "../../gql/graphql";
import { Shell } from "../../shell/Shell";
import { useFormat } from "../../ui/format";
import { Loading } from "../../ui/Loading";
import { NextPage } from "../../ui/NextPage";
import { problemOfError } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { AuditEntry } from "./AuditEntry";
import { AuditFilters } from "./AuditFilters";
import { useAuditFilter } from "./filters";
import { AUDIT_PAGE, MORE_AUDIT_ENTRIES } from "./operations";

/** What was changed in the tenant, the last first. */
export default function AuditPage() {
  const { t } = useTranslation("audit");
  const { number } = useFormat();
  const filter = useAuditFilter();
  const [{ data, error, fetching }] = useQuery({ query: AUDIT_PAGE, variables: { filter } });
  const people = data?.users.nodes ?? [];
  const rows = (entries: readonly AuditRowFragment[]) =>
    entries.map((entry) => <AuditEntry key={entry.id} entry={entry} people={people} />);
  return (
    <Shell data={data} title={t("title")}>
      <AuditFilters people={people} entries={data?.auditLog.nodes ?? []} />
      <ProblemNotice problem={problemOfError(error)} />
      {fetching && !data && <Loading />}
      {data && (
        <>
          <p className="soft" role="status">
            {t("count", { count: data.auditLog.totalCount, number: number(data.auditLog.totalCount) })}
          </p>
          <ol className="audit">
            {rows(data.auditLog.nodes)}
            <NextPage
              key={JSON.stringify(filter)}
              before={data.auditLog}
              query={MORE_AUDIT_ENTRIES}
              variablesOf={(after) => ({ filter, after })}
              pageOf={(next) => next.auditLog}
              frame={(button) => <li>{button}</li>}
            >
              {rows}
            </NextPage>
          </ol>
        </>
      )}
    </Shell>
  );
}
