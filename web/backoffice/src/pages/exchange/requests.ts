import type { AnyVariables, Client, TypedDocumentNode } from "urql";
import { problemOfAnswer, problemOfError, type Problem } from "../../ui/problem";
import type { Values } from "./files";

/** What the API answered, or why it did not. */
export type Answer<Value> = { value: Value } | { problem: Problem };

/** A page of what is exported. */
export interface ExportPage {
  rows: readonly Values[];
  /** Cursor of the next page; null if this is the last. */
  end: string | null;
  /** How many rows there are on all pages; said by the first one. */
  totalCount?: number;
}

interface Connection<Node> {
  totalCount?: number;
  nodes: readonly Node[];
  pageInfo: { hasNextPage: boolean; endCursor?: string | null };
}

interface PageVariables {
  after: string | null;
  isFirst: boolean;
}

/** Asks for the page behind a cursor, or for the first one. */
export type AskForPage = (client: Client, after: string | null) => Promise<Answer<ExportPage>>;

/** Sends rows under an idempotency key; answers why each of them is refused, null for one that is not. */
export type SendRows = (client: Client, rows: readonly Values[], key: string) => Promise<Answer<readonly (Problem | null)[]>>;

const NO_ANSWER: Problem = { code: "INTERNAL", message: "There is no answer.", fields: [] };

/** Return what asks for pages by a query. */
export function pageReader<Data, Node>(
  query: TypedDocumentNode<Data, PageVariables>,
  listOf: (data: Data) => Connection<Node>,
  rowOf: (node: Node) => Values,
): AskForPage {
  return async (client, after) => {
    const { data, error } = await client.query(query, { after, isFirst: after === null }).toPromise();
    const problem = problemOfError(error);
    if (problem || !data) return { problem: problem ?? NO_ANSWER };
    const { nodes, pageInfo, totalCount } = listOf(data);
    return { value: { rows: nodes.map(rowOf), end: pageInfo.hasNextPage ? (pageInfo.endCursor ?? null) : null, totalCount } };
  };
}

interface Outcomes {
  outcomes?: readonly { result: object }[];
}

/** Return what sends rows by a mutation of one field: a bulk one, or one that takes a row alone. */
export function rowSender<Data extends object, Input>(
  mutation: TypedDocumentNode<Data, { input: Input } & AnyVariables>,
  inputOf: (rows: readonly Values[], key: string) => Input,
): SendRows {
  return async (client, rows, key) => {
    const { data, error } = await client.mutation(mutation, { input: inputOf(rows, key) }).toPromise();
    const answer = Object.values(data ?? {}).find((value) => typeof value === "object" && value !== null) as Outcomes | undefined;
    const problem = problemOfError(error) ?? problemOfAnswer(answer);
    if (problem || !answer) return { problem: problem ?? NO_ANSWER };
    return { value: answer.outcomes?.map(({ result }) => outcomeOf(result)) ?? rows.map(() => null) };
  };
}

/** A row that is not found was made by an earlier try, whose answer got lost, and deleted by somebody since. */
function outcomeOf(result: object): Problem | null {
  const problem = problemOfAnswer(result);
  return problem?.code === "NOT_FOUND" ? null : problem;
}
