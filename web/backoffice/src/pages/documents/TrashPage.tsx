import "./documents.css";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useQuery } from "urql";
import type { DocumentRowFragment } from "../../gql/graphql";
import { Shell } from "../../shell/Shell";
import { ConfirmDialog } from "../../ui/ConfirmDialog";
import { useFormat } from "../../ui/format";
import { Loading } from "../../ui/Loading";
import { Moment } from "../../ui/Moment";
import { NextPage } from "../../ui/NextPage";
import { problemOfError, type Problem } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { useAddressState } from "../../ui/useAddressState";
import { useChange } from "../../ui/useChange";
import { DocumentTabs } from "./DocumentTabs";
import { PURGE_DOCUMENT, RESTORE_DOCUMENT, TRASH_PAGE } from "./operations";
import { SearchField } from "../../ui/SearchField";
import { useFirstFocus } from "../../ui/useFirstFocus";

/** Deleted documents, the last deleted first: restored here, or deleted for good. */
export default function TrashPage() {
  const { t } = useTranslation("documents");
  const { number } = useFormat();
  const [search] = useAddressState("q");
  const filter = search ? { title: { contains: search } } : null;
  const [{ data, error, fetching }] = useQuery({ query: TRASH_PAGE, variables: { filter, after: null } });
  return (
    <Shell data={data} title={t("trash.title")}>
      <DocumentTabs />
      <SearchField label={t("search")} />
      <ProblemNotice problem={problemOfError(error)} />
      {fetching && !data && <Loading />}
      {data && (
        <>
          <p className="soft" role="status">
            {t("count", { count: data.trash.totalCount, number: number(data.trash.totalCount) })}
          </p>
          <ul className="trash">
            <Items items={data.trash.nodes} />
            <NextPage
              key={search}
              before={data.trash}
              query={TRASH_PAGE}
              variablesOf={(after) => ({ filter, after })}
              pageOf={(next) => next.trash}
              frame={(button) => <li>{button}</li>}
            >
              {(items) => <Items items={items} isNew />}
            </NextPage>
          </ul>
        </>
      )}
    </Shell>
  );
}

function Items({ items, isNew = false }: { items: readonly DocumentRowFragment[]; isNew?: boolean }) {
  return items.map((document, index) => <TrashItem key={document.id} document={document} isNew={isNew && index === 0} />);
}

function TrashItem({ document, isNew }: { document: DocumentRowFragment; isNew: boolean }) {
  const place = useFirstFocus<HTMLLIElement>(isNew);
  const { t } = useTranslation("documents");
  const { moment } = useFormat();
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isAsking, setAsking] = useState(false);
  const restore = useChange(RESTORE_DOCUMENT);
  const purge = useChange(PURGE_DOCUMENT);
  const { id, title, deletedAt, deletedBy, viewerCan } = document;
  return (
    <li className="card" ref={place}>
      <div>
        <h2>{title}</h2>
        <p className="soft">
          {deletedBy
            ? t("trash.deletedBy", { name: deletedBy.fullName, at: moment(deletedAt ?? "") })
            : deletedAt && <Moment at={deletedAt} />}
        </p>
        <ProblemNotice problem={problem} />
      </div>
      <div className="row">
        {viewerCan.restore && (
          <button type="button" aria-label={t("trash.restoreThis", { title })} onClick={() => void restore({ id }).then((outcome) => setProblem(outcome.problem))}>
            {t("trash.restore")}
          </button>
        )}
        {viewerCan.purge && (
          <button type="button" className="danger" aria-label={t("trash.purgeThis", { title })} onClick={() => setAsking(true)}>
            {t("trash.purge")}
          </button>
        )}
      </div>
      {isAsking && (
        <ConfirmDialog
          title={t("trash.purgeQuestion")}
          action={t("trash.purge")}
          onConfirm={async () => (await purge({ id })).problem}
          onClose={() => setAsking(false)}
        >
          <p>{t("trash.purgeExplanation", { title })}</p>
        </ConfirmDialog>
      )}
    </li>
  );
}
