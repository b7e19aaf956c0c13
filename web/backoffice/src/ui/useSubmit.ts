import { useState, type SubmitEvent } from "react";
import { problemOfThrown, type Problem } from "./problem";

/** The texts of a form by the names of its fields. */
export type FormTexts = Record<string, string>;

/**
 * A form that is sent once at a time: `submit` is its handler, `isBusy` says whether an answer is awaited. `send` returns
 * what was wrong, or nothing; what was typed stays as it is.
 */
export function useSubmit(send: (texts: FormTexts) => Promise<Problem | null | undefined>) {
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isBusy, setBusy] = useState(false);
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (isBusy) return;
    const texts: FormTexts = {};
    for (const [name, value] of new FormData(event.currentTarget)) if (typeof value === "string") texts[name] = value;
    setBusy(true);
    setProblem(null);
    send(texts)
      .then((found) => setProblem(found ?? null))
      .catch((error: unknown) => setProblem(problemOfThrown(error)))
      .finally(() => setBusy(false));
  };
  return { submit, problem, isBusy };
}
