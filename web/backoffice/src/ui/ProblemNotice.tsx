import { useProblemText, type Problem } from "./problem";

/** What codes mean at the place, where that is more than they say anywhere. */
export type ProblemTexts = Partial<Record<string, string>>;

interface Props {
  problem: Problem | null;
  /** Names of fields that say themselves what is wrong with them. */
  beside?: readonly string[];
  texts?: ProblemTexts;
}

/** Says what is wrong. The region is always there, so that screen readers read what comes into it. */
export function ProblemNotice({ problem, beside = [], texts }: Props) {
  const describe = useProblemText();
  const fields = problem?.fields.filter(({ path }) => !beside.includes(path)) ?? [];
  return (
    <div role="alert" className="problem">
      {problem && <p>{texts?.[problem.code] ?? describe(problem)}</p>}
      {fields.length > 0 && (
        <ul lang="en">
          {fields.map(({ path, message }) => (
            <li key={path + message}>{message}</li>
          ))}
        </ul>
      )}
    </div>
  );
}
