import { useId, type InputHTMLAttributes } from "react";
import type { Problem } from "./problem";

interface Props extends InputHTMLAttributes<HTMLInputElement> {
  label: string;
  name: string;
  hint?: string;
  /** The problem of the form; the field shows what it says of it. */
  problem?: Problem | null;
}

/** A labelled field, with what is wrong with its value beside it. */
export function TextField({ label, name, hint, problem, ...input }: Props) {
  const id = useId();
  const wrong = problem?.fields.filter(({ path }) => path === name).map(({ message }) => message) ?? [];
  const described = [hint && `${id}-hint`, wrong.length > 0 && `${id}-wrong`].filter(Boolean).join(" ");
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        name={name}
        aria-describedby={described || undefined}
        aria-invalid={wrong.length > 0 || undefined}
        {...input}
      />
      {hint && <small id={`${id}-hint`}>{hint}</small>}
      {wrong.length > 0 && (
        <small id={`${id}-wrong`} className="wrong" lang="en">
          {wrong.join(" ")}
        </small>
      )}
    </div>
  );
}
