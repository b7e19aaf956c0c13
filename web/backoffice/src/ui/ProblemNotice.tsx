import { useProblemText, type Problem } from "./problem";

interface Props {
  problem: Problem | null;
  /** Names of fields that say themselves what is wrong with them. */
  beside?: readonly string[];
}

/** Says what is wrong. The region is always there, so that screen readers read what comes into it. */
export function ProblemNotice({ problem, beside = [] }: Props) {
  const describe = useProblemText();
  const fields = problem?.fields.filter(({ path }) => !beside.includes(path)) ?? [];
  return (
    <div role="alert" className="problem">
      {problem && <p>{describe(problem)}</p>}
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
