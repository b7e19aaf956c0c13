import { useGraphiQL, type GraphiQLPlugin } from "@graphiql/react";
import { getOperationAST, OperationTypeNode, parse } from "graphql";
import { useState } from "react";
import { useLastAnswer, type AnswerReport } from "./answers";
import { codegenDocument, curlCommand, fetchCall, type Operation } from "./snippets";

/** Return the operation of the open tab, as it would be sent. */
function useOperation(): Operation {
  const tab = useGraphiQL((state) => state.tabs[state.activeTabIndex]);
  const query = tab?.query ?? "";
  let isSubscription = false;
  try {
    isSubscription = getOperationAST(parse(query), tab?.operationName)?.operation === OperationTypeNode.SUBSCRIPTION;
  } catch {
    // what cannot be parsed is shown as it is
  }
  return {
    query,
    operationName: tab?.operationName ?? null,
    variables: tab?.variables ?? null,
    headers: tab?.headers ?? null,
    isSubscription,
  };
}

function Snippet({ title, text }: { title: string; text: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <details className="atrium-snippet">
      <summary>{title}</summary>
      <button type="button" onClick={() => void copy()} aria-label={`Copy ${title}`}>
        {isCopied ? "Copied" : "Copy"}
      </button>
      <pre tabIndex={0}>{text}</pre>
    </details>
  );
}

const EXECUTORS: Record<string, string> = { compiler: "compiled to SQL", reference: "reference executor" };

function Report({ answer }: { answer: AnswerReport }) {
  const { cost, declined, sql } = answer.extensions;
  const budget = cost?.throttleStatus;
  const rows: [string, string][] = [
    ["Operation", answer.operation || "without a name"],
    ["Answered", `${String(answer.status)} in ${answer.milliseconds.toFixed(0)} ms`],
  ];
  const { executor } = answer.extensions;
  if (executor) rows.push(["Executor", EXECUTORS[executor] ?? executor]);
  if (declined) rows.push(["Not compiled", declined]);
  if (cost) rows.push(["Cost", `${String(cost.actualQueryCost ?? "none")} of ${cost.requestedQueryCost} points asked for`]);
  if (budget) rows.push(["Left", `${budget.currentlyAvailable} of ${budget.maximumAvailable} points`]);
  if (answer.requestId) rows.push(["Request id", answer.requestId]);
  return (
    <>
      <dl>
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {sql?.map((text, index) => (
        <Snippet key={index} title={sql.length > 1 ? `SQL, statement ${index + 1}` : "SQL"} text={text} />
      ))}
    </>
  );
}

function OperationPanel() {
  const operation = useOperation();
  const answer = useLastAnswer();
  return (
    <section className="atrium-panel">
      <h2>Operation</h2>
      <h3>The last answer</h3>
      {answer ? <Report answer={answer} /> : <p>Run an operation to see what it costs and who answers it.</p>}
      <h3>From elsewhere</h3>
      <p>The operation of the open tab. The token is left for you to fill in.</p>
      <Snippet title="curl" text={curlCommand(operation)} />
      <Snippet title="fetch" text={fetchCall(operation)} />
      <Snippet title="Document for graphql-codegen" text={codegenDocument(operation)} />
    </section>
  );
}

function OperationIcon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <path d="M8.5 7 4 12l4.5 5M15.5 7l4.5 5-4.5 5" />
    </svg>
  );
}

export const OPERATION_PLUGIN: GraphiQLPlugin = { title: "Operation", icon: OperationIcon, content: OperationPanel };
