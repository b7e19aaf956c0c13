import { useId, type TextareaHTMLAttributes } from "react";
import type { Problem } from "../../ui/problem";

interface AreaProps extends TextareaHTMLAttributes<HTMLTextAreaElement> {
  label: string;
  name: string;
  problem?: Problem | null;
}

/** A labelled field of several lines, with what is wrong with its value beside it. */
export function TextAreaField({ label, name, problem, ...area }: AreaProps) {
  const id = useId();
  const wrong = problem?.fields.filter(({ path }) => path === name).map(({ message }) => message) ?? [];
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <textarea id={id} name={name} aria-invalid={wrong.length > 0 || undefined} aria-describedby={wrong.length > 0 ? `${id}-wrong` : undefined} {...area} />
      {wrong.length > 0 && (
        <small id={`${id}-wrong`} className="wrong" lang="en">
          {wrong.join(" ")}
        </small>
      )}
    </div>
  );
}

interface SelectProps {
  label: string;
  value: string;
  choices: readonly { id: string; name: string }[];
  /** What the choice of nothing is called, if there is one. */
  none?: string;
  onChange: (value: string) => void;
}

export function SelectField({ label, value, choices, none, onChange }: SelectProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.target.value)}>
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
