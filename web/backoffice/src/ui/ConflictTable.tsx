import { useEffect, useId, useRef, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

export interface Difference {
  name: string;
  mine: ReactNode;
  theirs: ReactNode;
}

interface Props {
  title: string;
  differences: readonly Difference[];
  /** What `mine` does, if it is not to keep it all. */
  mineText?: string;
  onMine: () => void;
  onTheirs: () => void;
  isBusy?: boolean;
}

/** Two changes of one thing, side by side, of which somebody chooses one. */
export function ConflictTable({ title, differences, mineText, onMine, onTheirs, isBusy }: Props) {
  const { t } = useTranslation();
  const id = useId();
  const box = useRef<HTMLElement>(null);
  useEffect(() => box.current?.focus(), []); // the button that sent the form may be gone
  return (
    <section ref={box} className="conflict" role="group" aria-labelledby={id} tabIndex={-1}>
      <div role="alert">
        <h3 id={id}>{title}</h3>
      </div>
      <div className="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">{t("conflict.column.field")}</th>
              <th scope="col">{t("conflict.column.mine")}</th>
              <th scope="col">{t("conflict.column.theirs")}</th>
            </tr>
          </thead>
          <tbody>
            {differences.map(({ name, mine, theirs }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{mine || "–"}</td>
                <td>{theirs || "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div className="row">
        <button type="button" className="primary" disabled={isBusy} onClick={onMine}>
          {mineText ?? t("conflict.mine")}
        </button>
        <button type="button" disabled={isBusy} onClick={onTheirs}>
          {t("conflict.theirs")}
        </button>
      </div>
    </section>
  );
}
