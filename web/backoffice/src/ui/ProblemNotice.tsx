import { useProblemText, type Problem } from "./problem";

/** Says what is wrong. The region is always there, so that screen readers read what comes into it. */
export function ProblemNotice({ problem }: { problem: Problem | null }) {
  const describe = useProblemText();
  return (
    <div role="alert" className="problem">
      {problem && <p>{describe(problem)}</p>}
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
