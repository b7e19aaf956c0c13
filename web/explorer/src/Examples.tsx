import { useGraphiQL, useGraphiQLActions, type GraphiQLPlugin } from "@graphiql/react";

interface Example {
  title: string;
  text: string;
}

const named = (files: Record<string, unknown>): Example[] =>
  Object.entries(files).map(([path, text]) => ({
    title: (path.split("/").at(-1) ?? path).replace(".graphql", "").replaceAll("_", " "),
    text: text as string,
  }));

// The operations of the schema's reference and those beside this file; the project's tests run both.
const DOMAINS = named(
  import.meta.glob("../../../docs/schema/examples/*.graphql", { query: "?raw", import: "default", eager: true }),
);
const OTHERS = named(import.meta.glob("./examples/*.graphql", { query: "?raw", import: "default", eager: true }));

export const FIRST_EXAMPLE = DOMAINS.find(({ title }) => title === "tasks")?.text ?? "";

function ExampleList({ examples }: { examples: Example[] }) {
  const actions = useGraphiQLActions();
  const editor = useGraphiQL((state) => state.queryEditor);
  const open = (text: string) => {
    actions.addTab();
    editor?.setValue(text);
    editor?.focus();
  };
  return (
    <ul className="atrium-examples">
      {examples.map(({ title, text }) => (
        <li key={title}>
          <button type="button" onClick={() => open(text)}>
            {title}
          </button>
        </li>
      ))}
    </ul>
  );
}

function Examples() {
  return (
    <section className="atrium-panel">
      <h2>Examples</h2>
      <p>Each opens in a tab of its own.</p>
      <h3>By domain</h3>
      <ExampleList examples={DOMAINS} />
      <h3>Changes and subscriptions</h3>
      <ExampleList examples={OTHERS} />
    </section>
  );
}

function ExamplesIcon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <path d="M5 4h14v16H5zM8.5 8.5h7M8.5 12h7M8.5 15.5h4" />
    </svg>
  );
}

export const EXAMPLES_PLUGIN: GraphiQLPlugin = { title: "Examples", icon: ExamplesIcon, content: Examples };
