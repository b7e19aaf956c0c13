import { useId, type ReactNode } from "react";
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
export function Conflict({ title, differences, mineText, onMine, onTheirs, isBusy }: Props) {
  const { t } = useTranslation("board");
  const id = useId();
  return (
    <section className="conflict" role="group" aria-labelledby={id}>
      <div role="alert">
        <h3 id={id}>{title}</h3>
      </div>
      <div className="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">{t("conflict.field")}</th>
              <th scope="col">{t("conflict.mine")}</th>
              <th scope="col">{t("conflict.theirs")}</th>
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
          {mineText ?? t("conflict.keepMine")}
        </button>
        <button type="button" disabled={isBusy} onClick={onTheirs}>
          {t("conflict.takeTheirs")}
        </button>
      </div>
    </section>
  );
}
