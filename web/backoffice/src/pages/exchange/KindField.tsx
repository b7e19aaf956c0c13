import { useTranslation } from "react-i18next";
import { SelectField } from "../../ui/SelectField";
import type { Kind } from "./kinds";

interface Props {
  label: string;
  kinds: readonly Kind[];
  kind: Kind;
  isDisabled?: boolean;
  onChange: (kind: Kind) => void;
}

/** A choice of what is exported or imported. */
export function KindField({ label, kinds, kind, isDisabled, onChange }: Props) {
  const { t } = useTranslation("exchange");
  return (
    <SelectField
      label={label}
      value={kind.name}
      isDisabled={isDisabled}
      choices={kinds.map(({ name }) => ({ id: name, name: t(`kinds.${name}`) }))}
      onChange={(chosen) => onChange(kinds.find(({ name }) => name === chosen) ?? kind)}
    />
  );
}
