import "./documents.css";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { useQuery, useSubscription } from "urql";
import type { DocumentPageQuery } from "../../gql/graphql";
import { Shell } from "../../shell/Shell";
import { Loading } from "../../ui/Loading";
import { problemOfError } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { useAddressState } from "../../ui/useAddressState";
import { useLast } from "../../ui/useLast";
import { useIdParam } from "../../ui/useIdParam";
import { DocumentEditor } from "./DocumentEditor";
import { DocumentHistory } from "./DocumentHistory";
import { DOCUMENT_CHANGES, DOCUMENT_PAGE } from "./operations";

type Shown = NonNullable<DocumentPageQuery["document"]>;

/** One document: its text, and what was done to it. */
export default function DocumentPage() {
  const { t } = useTranslation("documents");
  const id = useIdParam();
  const [{ data, error, fetching }, reload] = useQuery({ query: DOCUMENT_PAGE, variables: { id } });
  useLiveDocument(id, data, () => reload({ requestPolicy: "network-only" }));
  const document = useLast(data?.document);
  return (
    <Shell data={data} title={document?.title ?? t("one")}>
      <ProblemNotice problem={problemOfError(error)} />
      {fetching && !data && <Loading />}
      {data && !data.document && (
        <p role="status" className={document ? "notice" : undefined}>
          {t(document ? "goneMeanwhile" : "gone")}
        </p>
      )}
      {document && (
        <Views
          document={document}
          projects={data?.projects.nodes ?? []}
          onChange={() => reload({ requestPolicy: "network-only" })}
        />
      )}
    </Shell>
  );
}

/** Follow the changes from where the page was read; what is shown comes from the cache, which they change. */
function useLiveDocument(id: string, data: DocumentPageQuery | undefined, onChange: () => void): void {
  const [{ data: change }] = useSubscription({
    query: DOCUMENT_CHANGES,
    variables: { after: data?.feedCursor },
    pause: !data,
  });
  const { cursor, documentId } = change?.documentChanged ?? {};
  useEffect(() => {
    if (documentId === id) onChange();
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once for each change
  }, [cursor, documentId, id]);
}

interface ViewsProps {
  document: Shown;
  projects: DocumentPageQuery["projects"]["nodes"];
  onChange: () => void;
}

function Views({ document, projects, onChange }: ViewsProps) {
  const { t } = useTranslation("documents");
  const [view, setView] = useAddressState("view");
  return (
    <>
      <div className="tabs" role="tablist" aria-label={t("one")}>
        {(["", "history"] as const).map((name) => (
          <button key={name} type="button" role="tab" aria-selected={view === name} onClick={() => setView(name)}>
            {t(name === "" ? "view.text" : "view.history")}
          </button>
        ))}
      </div>
      <div hidden={view === "history"}>
        <DocumentEditor key={document.id} document={document} projects={projects} />
      </div>
      {view === "history" && <DocumentHistory document={document} projects={projects} onRevert={onChange} />}
    </>
  );
}
