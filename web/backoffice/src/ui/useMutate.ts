import { useCallback } from "react";
import { useMutation, type AnyVariables, type TypedDocumentNode } from "urql";
import { problemOfAnswer, problemOfError, type Problem } from "./problem";

/** What a mutation has answered, or why nothing came of it. */
type Outcome<Answer> = { answer: Answer; problem: null } | { answer: null; problem: Problem };

/** Return the function that sends a mutation of one field, and gives its answer or the problem. */
export function useMutate<Data extends object, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
): (variables: Variables) => Promise<Outcome<Extract<Data[Exclude<keyof Data, "__typename">], object>>> {
  type Answer = Extract<Data[Exclude<keyof Data, "__typename">], object>;
  const [, execute] = useMutation(document);
  return useCallback(
    async (variables: Variables) => {
      const { data, error } = await execute(variables);
      const answer = Object.entries(data ?? {}).find(([key]) => key !== "__typename")?.[1] as Answer | undefined;
      const problem = problemOfError(error) ?? problemOfAnswer(answer);
      if (problem || !answer) return { answer: null, problem: problem ?? { code: "INTERNAL", message: "", fields: [] } };
      return { answer, problem: null };
    },
    [execute],
  );
}
