import { useTranslation } from "react-i18next";
import { Dialog } from "./Dialog";
import { TextDiff } from "./TextDiff";

interface Props {
  mine: string;
  theirs: string;
  onMine: () => void;
  onTheirs: () => void;
  onClose: () => void;
}

/** Two people have changed one thing: both texts, compared, to choose from. */
export function ConflictDialog({ mine, theirs, onMine, onTheirs, onClose }: Props) {
  const { t } = useTranslation();
  return (
    <Dialog title={t("conflict.title")} onClose={onClose}>
      <p>{t("conflict.explanation")}</p>
      <div className="compared">
        <TextDiff before={theirs} after={mine} />
      </div>
      <div className="row">
        <button type="button" className="primary" onClick={onMine}>
          {t("conflict.mine")}
        </button>
        <button type="button" onClick={onTheirs}>
          {t("conflict.theirs")}
        </button>
      </div>
    </Dialog>
  );
}
