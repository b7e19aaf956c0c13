import { useCallback } from "react";
import { useMutation, type AnyVariables, type TypedDocumentNode } from "urql";
import { problemOfAnswer, problemOfError, type Problem } from "./problem";

type AnswerOf<Data> = Extract<Data[keyof Data], object>;

/** What a mutation answered: the union's object, be it an error or not, and the problem if it is one or none came. */
export interface Outcome<Answer> {
  answer: Answer | null;
  problem: Problem | null;
}

/** Return a function that runs a mutation of one field. */
export function useChange<Data extends object, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
): (variables: Variables) => Promise<Outcome<AnswerOf<Data>>> {
  const [, execute] = useMutation(document);
  return useCallback(
    async (variables) => {
      const { data, error } = await execute(variables);
      const answer = Object.values(data ?? {}).find((value) => typeof value === "object" && value !== null) as
        | AnswerOf<Data>
        | undefined;
      return { answer: answer ?? null, problem: problemOfError(error) ?? problemOfAnswer(answer) };
    },
    [execute],
  );
}
