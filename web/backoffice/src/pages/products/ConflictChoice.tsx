import { useTranslation } from "react-i18next";
import type { ProductRowFragment } from "../../gql/graphql";
import { ConflictTable } from "../../ui/ConflictTable";
import { useFormat } from "../../ui/format";
import type { ProductValues } from "./productValues";

interface Props {
  mine: ProductValues;
  theirs: ProductRowFragment;
  /** Sends what is mine over what is theirs. */
  onKeep: () => void;
  onTake: () => void;
}

/** Shows what differs between what was typed and what somebody else has stored meanwhile, and lets one choose. */
export function ConflictChoice({ mine, theirs, onKeep, onTake }: Props) {
  const { t } = useTranslation("products");
  const format = useFormat();
  const yesNo = (value: boolean) => (value ? t("yes") : t("no"));
  const differences = [
    { name: t("sku"), mine: mine.sku, theirs: theirs.sku },
    { name: t("name"), mine: mine.name, theirs: theirs.name },
    { name: t("description"), mine: mine.description ?? "", theirs: theirs.description ?? "" },
    { name: t("price"), mine: format.money(mine.price), theirs: format.money(theirs.price) },
    { name: t("isActive"), mine: yesNo(mine.isActive), theirs: yesNo(theirs.isActive) },
  ].filter((each) => each.mine !== each.theirs);
  return (
    <ConflictTable title={t("conflict.explanation")} differences={differences} onMine={onKeep} onTheirs={onTake} />
  );
}
