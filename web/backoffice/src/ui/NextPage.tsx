import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useQuery, type AnyVariables, type TypedDocumentNode } from "urql";
import { problemOfError } from "./problem";
import { ProblemNotice } from "./ProblemNotice";

export interface Page<Item> {
  nodes: readonly Item[];
  pageInfo: { hasNextPage: boolean; endCursor?: string | null };
}

interface Props<Data, Variables extends AnyVariables, Item> {
  /** The page before. */
  before: Page<Item>;
  query: TypedDocumentNode<Data, Variables>;
  /** Variables of the page behind a cursor. */
  variablesOf: (after: string) => Variables;
  pageOf: (data: Data) => Page<Item>;
  /** Renders items of the list that come by the button, from which they take the focus (`useFirstFocus`). */
  children: (items: readonly Item[]) => ReactNode;
  /** Puts the button into what the list is made of, such as a row. */
  frame: (button: ReactNode) => ReactNode;
}

/** The pages of a list behind one that is there, each a button until it is asked for. */
export function NextPage<Data, Variables extends AnyVariables, Item>(props: Props<Data, Variables, Item>) {
  const { before, query, variablesOf, pageOf, children, frame } = props;
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  const { hasNextPage, endCursor } = before.pageInfo;
  const [{ data, error }] = useQuery({ query, variables: variablesOf(endCursor ?? ""), pause: !isOpen });
  if (!hasNextPage) return null;
  if (!data) {
    return frame(
      <>
        <ProblemNotice problem={problemOfError(error)} />
        <button type="button" disabled={isOpen && !error} onClick={() => setOpen(true)}>
          {t("more")}
        </button>
      </>,
    );
  }
  return (
    <>
      {children(pageOf(data).nodes)}
      <NextPage {...props} before={pageOf(data)} />
    </>
  );
}
