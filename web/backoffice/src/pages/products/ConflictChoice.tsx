import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { ProductRowFragment } from "../../gql/graphql";
import { useFormat } from "../../ui/format";
import type { ProductValues } from "./ProductForm";

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
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.focus(), []); // the button that sent the form is hidden
  const yesNo = (value: boolean) => (value ? t("yes") : t("no"));
  const rows = [
    { label: t("sku"), my: mine.sku, their: theirs.sku },
    { label: t("name"), my: mine.name, their: theirs.name },
    { label: t("description"), my: mine.description ?? "", their: theirs.description ?? "" },
    { label: t("price"), my: format.money(mine.price), their: format.money(theirs.price) },
    { label: t("isActive"), my: yesNo(mine.isActive), their: yesNo(theirs.isActive) },
  ].filter(({ my, their }) => my !== their);
  return (
    <div ref={box} className="choice" tabIndex={-1}>
      <p role="alert">{t("conflict.explanation")}</p>
      <table>
        <thead>
          <tr>
            <th scope="col">{t("conflict.field")}</th>
            <th scope="col">{t("conflict.mine")}</th>
            <th scope="col">{t("conflict.theirs")}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ label, my, their }) => (
            <tr key={label}>
              <th scope="row">{label}</th>
              <td>{my}</td>
              <td>{their}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <div className="row">
        <button type="button" className="primary" onClick={onKeep}>
          {t("conflict.keepMine")}
        </button>
        <button type="button" onClick={onTake}>
          {t("conflict.takeTheirs")}
        </button>
      </div>
    </div>
  );
}
