import { useTranslation } from "react-i18next";
import type { CombinedError } from "urql";
import { Refused } from "../../../shared/api";

/** Why something was refused, or has failed. */
export interface Problem {
  /** The code of the API; `OFFLINE` where nothing answered. */
  code: string;
  /** In the server's words, which are English. */
  message: string;
  /** Where an input is wrong, by the paths of its fields. */
  fields: readonly FieldProblem[];
  /** Seconds after which it is worth another try. */
  retryAfter?: number;
  /** Under which the server's log has more. */
  requestId?: string;
}

export interface FieldProblem {
  path: string;
  message: string;
}

/** What every mutation of the pages asks of an error. */
interface AnsweredError {
  code: string;
  message: string;
  fields?: readonly FieldProblem[];
  retryAfter?: number;
}

/** Return the problem that a mutation answered; null if it answered what was asked for. */
export function problemOfAnswer(answer: object | null | undefined): Problem | null {
  if (!answer || !("code" in answer && "message" in answer)) return null;
  const { code, message, fields, retryAfter } = answer as AnsweredError;
  return { code, message, fields: fields ?? [], retryAfter };
}

/** Return the problem of an operation that was not answered; null if it was. */
export function problemOfError(error: CombinedError | undefined): Problem | null {
  if (!error) return null;
  const [first] = error.graphQLErrors;
  if (!first) return { code: "OFFLINE", message: error.message, fields: [] };
  const { code, retryAfter, requestId } = first.extensions as Partial<Problem>;
  return { code: code ?? "INTERNAL", message: first.message, fields: [], retryAfter, requestId };
}

/** Return the problem that was thrown on the way to a login, a refresh or a switch. */
export function problemOfThrown(error: unknown): Problem {
  if (!(error instanceof Refused)) return { code: "OFFLINE", message: String(error), fields: [] };
  const { code = "INTERNAL", message, fields, retryAfter } = error;
  return { code, message, fields, retryAfter };
}

/** Return the function that says what is wrong in the reader's language. */
export function useProblemText(): (problem: Problem) => string {
  const { t } = useTranslation("errors");
  return ({ code, message, retryAfter, requestId }) =>
    t(code as "INTERNAL", { defaultValue: message, seconds: retryAfter ?? 1, requestId: requestId ?? "" });
}
