import "./documents.css";
import { useTranslation } from "react-i18next";
import { useQuery } from "urql";
import { Link } from "wouter";
import type { DocumentRowFragment } from "../../gql/graphql";
import { Shell } from "../../shell/Shell";
import { useFormat } from "../../ui/format";
import { Loading } from "../../ui/Loading";
import { Moment } from "../../ui/Moment";
import { NextPage } from "../../ui/NextPage";
import { problemOfError } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { useAddressState } from "../../ui/useAddressState";
import { DocumentTabs } from "./DocumentTabs";
import { NewDocument } from "./NewDocument";
import { DOCUMENTS_PAGE } from "./operations";
import { SearchField } from "../../ui/SearchField";
import { useFirstFocus } from "../../ui/useFirstFocus";
import { inRow } from "../../ui/inRow";

const COLUMNS = 4;

/** Documents of the tenant, the last changed first. */
export default function DocumentsPage() {
  const { t } = useTranslation("documents");
  const { number } = useFormat();
  const [search] = useAddressState("q");
  const filter = search ? { title: { contains: search } } : null;
  const [{ data, error, fetching }] = useQuery({ query: DOCUMENTS_PAGE, variables: { filter, after: null } });
  const mayWrite = data?.viewer?.permissions.includes("DOCUMENTS_WRITE");
  return (
    <Shell data={data} title={t("title")}>
      <DocumentTabs />
      <div className="row spread">
        <SearchField label={t("search")} />
        {mayWrite && <NewDocument />}
      </div>
      <ProblemNotice problem={problemOfError(error)} />
      {fetching && !data && <Loading />}
      {data && (
        <>
          <p className="soft" role="status">
            {t("count", { count: data.documents.totalCount, number: number(data.documents.totalCount) })}
          </p>
          <div className="scroll">
            <table>
              <thead>
                <tr>
                  <th scope="col">{t("column.title")}</th>
                  <th scope="col" className="wide">{t("column.project")}</th>
                  <th scope="col" className="wide">{t("column.creator")}</th>
                  <th scope="col">{t("column.changed")}</th>
                </tr>
              </thead>
              <Rows rows={data.documents.nodes} />
              <NextPage
                key={search}
                before={data.documents}
                query={DOCUMENTS_PAGE}
                variablesOf={(after) => ({ filter, after })}
                pageOf={(next) => next.documents}
                frame={inRow(COLUMNS)}
              >
                {(rows) => <Rows rows={rows} isNew />}
              </NextPage>
            </table>
          </div>
        </>
      )}
    </Shell>
  );
}

function Rows({ rows, isNew = false }: { rows: readonly DocumentRowFragment[]; isNew?: boolean }) {
  const body = useFirstFocus<HTMLTableSectionElement>(isNew);
  return (
    <tbody ref={body}>
      {rows.map(({ id, title, project, creator, updatedAt }) => (
        <tr key={id} data-document={id}>
          <th scope="row">
            <Link href={`/documents/${encodeURIComponent(id)}`}>{title}</Link>
          </th>
          <td className="wide">{project?.name ?? "–"}</td>
          <td className="wide">{creator.fullName}</td>
          <td>
            <Moment at={updatedAt} />
          </td>
        </tr>
      ))}
    </tbody>
  );
}
