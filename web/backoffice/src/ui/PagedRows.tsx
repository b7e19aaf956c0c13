import { useEffect, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

interface Props {
  children: ReactNode;
  columns: number;
  pageInfo: { hasNextPage: boolean; endCursor?: string | null };
  /** Renders the page after a cursor: another one of these. */
  renderNext: (after: string) => ReactNode;
  /** Whether somebody has asked for this page, whose first link gets the focus of the button that did. */
  isFocused?: boolean;
}

/** A page of a table's rows, and behind it the button that loads the next, or the next. */
export function PagedRows({ children, columns, pageInfo, renderNext, isFocused }: Props) {
  const { t } = useTranslation("orders");
  const [isNextShown, showNext] = useState(false);
  const body = useRef<HTMLTableSectionElement>(null);
  useEffect(() => {
    if (isFocused) body.current?.querySelector<HTMLElement>("a, button")?.focus();
  }, [isFocused]);
  const next = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  return (
    <>
      <tbody ref={body}>{children}</tbody>
      {next && isNextShown && renderNext(next)}
      {next && !isNextShown && (
        <tbody>
          <tr className="more">
            <td colSpan={columns}>
              <button type="button" onClick={() => showNext(true)}>
                {t("loadMore")}
              </button>
            </td>
          </tr>
        </tbody>
      )}
    </>
  );
}

/** Stands where a page of rows will be, or says why it is not there. */
export function PendingRows({ columns, children }: { columns: number; children: ReactNode }) {
  return (
    <tbody>
      <tr className="more">
        <td colSpan={columns}>{children}</td>
      </tr>
    </tbody>
  );
}
