import { useId, type TextareaHTMLAttributes } from "react";
import type { Problem } from "./problem";

interface AreaProps extends TextareaHTMLAttributes<HTMLTextAreaElement> {
  label: string;
  problem?: Problem | null;
}

/** A labelled field of several lines, with what is wrong with its value beside it. */
export function TextAreaField({ label, name, problem, ...area }: AreaProps) {
  const id = useId();
  const wrong = problem?.fields.filter(({ path }) => path === name).map(({ message }) => message) ?? [];
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <textarea
        id={id}
        name={name}
        aria-invalid={wrong.length > 0 || undefined}
        aria-describedby={wrong.length > 0 ? `${id}-wrong` : undefined}
        {...area}
      />
      {wrong.length > 0 && (
        <small id={`${id}-wrong`} className="wrong" lang="en">
          {wrong.join(" ")}
        </small>
      )}
    </div>
  );
}
