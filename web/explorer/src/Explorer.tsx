import { explorerPlugin } from "@graphiql/plugin-explorer";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { GraphiQL } from "graphiql";
import { useState } from "react";
import type { Config } from "../../shared/config";
import { EXAMPLES_PLUGIN, FIRST_EXAMPLE } from "./Examples";
import { createFetcher } from "./fetcher";
import { OPERATION_PLUGIN } from "./OperationPanel";
import { SessionBar } from "./SessionBar";

const PLUGINS = [EXAMPLES_PLUGIN, explorerPlugin({ showAttribution: false }), HISTORY_PLUGIN, OPERATION_PLUGIN];

const WELCOME = `# Log in above, then press play.
#
# At the left: documentation, examples for each domain,
# an explorer that writes operations, history, and what
# the operation at hand costs. Your login goes along with
# every tab; a header of the same name goes before it.

${FIRST_EXAMPLE}`;

/** The page: who is logged in, above GraphiQL. Nothing of either outlives the browser's tab. */
export function Explorer({ config }: { config: Config }) {
  const [fetcher] = useState(() => createFetcher(config));
  return (
    <>
      <SessionBar config={config} />
      <main>
        <GraphiQL
          fetcher={fetcher}
          storage={sessionStorage}
          shouldPersistHeaders
          showPersistHeadersSettings={false}
          defaultQuery={WELCOME}
          plugins={PLUGINS}
          inputValueDeprecation
          schemaDescription
        >
          <GraphiQL.Logo>
            <></>
          </GraphiQL.Logo>
        </GraphiQL>
      </main>
    </>
  );
}
