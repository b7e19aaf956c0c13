import { useProblemText, type Problem } from "./problem";

/** What codes mean at the place, where that is more than they say anywhere. */
export type ProblemTexts = Partial<Record<string, string>>;

interface Props {
  problem: Problem | null;
  texts?: ProblemTexts;
}

/** Says what is wrong. The region is always there, so that screen readers read what comes into it. */
export function ProblemNotice({ problem, texts }: Props) {
  const describe = useProblemText();
  return (
    <div role="alert" className="problem">
      {problem && <p>{texts?.[problem.code] ?? describe(problem)}</p>}
      {problem && problem.fields.length > 0 && (
        <ul lang="en">
          {problem.fields.map(({ path, message }) => (
            <li key={path + message}>{message}</li>
          ))}
        </ul>
      )}
    </div>
  );
}
