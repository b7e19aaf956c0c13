// PostGraphile with the Amber preset, filters and aggregates, under row-level security:
// the runtime's role, and pgSettings for each request.
import { createServer } from "node:http";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { pgSmartTags } from "postgraphile/utils";
import { PgAggregatesPreset } from "@graphile/pg-aggregates";
import { PostGraphileConnectionFilterPreset } from "postgraphile-plugin-connection-filter";

const { BENCH_PORT, BENCH_RUNTIME_URL, BENCH_POOL, BENCH_SETTINGS } = process.env;
const pgSettings = JSON.parse(BENCH_SETTINGS);

// Triggers fill these in: without the tag a new task would have to bring them, since the columns take no null.
const filled = ["tasks.position", "tasks.created_at", "tasks.updated_at"];
const tags = pgSmartTags(filled.map((match) => ({ kind: "attribute", match, tags: { hasDefault: true } })));

const instance = postgraphile({
  extends: [PostGraphileAmberPreset, PgAggregatesPreset, PostGraphileConnectionFilterPreset],
  plugins: [tags],
  disablePlugins: ["PgIndexBehaviorsPlugin"], // every column can be filtered and grouped by, whatever its indexes
  schema: { connectionFilterRelations: true },
  pgServices: [
    makePgService({
      connectionString: BENCH_RUNTIME_URL,
      schemas: ["public"],
      pubsub: false,
      poolConfig: { max: Number(BENCH_POOL) },
    }),
  ],
  grafast: { explain: false, context: () => ({ pgSettings }) },
  grafserv: { graphqlPath: "/graphql", graphiql: false, watch: false, websockets: false },
});

const server = createServer();
await instance.createServ(grafserv).addTo(server);
server.listen(Number(BENCH_PORT), "127.0.0.1");
