import { useId } from "react";

interface SelectProps {
  label: string;
  value: string;
  choices: readonly { id: string; name: string }[];
  /** What the choice of nothing is called, if there is one. */
  none?: string;
  isDisabled?: boolean;
  onChange: (value: string) => void;
}

/** A labelled choice of one. */
export function SelectField({ label, value, choices, none, isDisabled, onChange }: SelectProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} disabled={isDisabled} onChange={(event) => onChange(event.target.value)}>
        {none !== undefined && <option value="">{none}</option>}
        {choices.map((choice) => (
          <option key={choice.id} value={choice.id}>
            {choice.name}
          </option>
        ))}
      </select>
    </div>
  );
}
