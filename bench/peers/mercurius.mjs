// Mercurius on Fastify, with its JIT compiler and its loaders.
import { readFileSync } from "node:fs";
import Fastify from "fastify";
import mercurius from "mercurius";
import { byId, counts, listsById, resolvers, unions } from "./data.mjs";

const lists = (name, column, key, connect) => async (queries) => {
  const ids = queries.map(({ obj }) => obj[column]);
  const found = await listsById(name, ids, queries[0].params.first, key);
  return found.map((nodes, index) => connect(nodes, ids[index]));
};

const loaders = {
  Order: {
    user: (queries) => byId("usersById", queries.map(({ obj }) => obj.userId), "userId"),
    items: lists("itemsByOrder", "id", "orderId", (nodes) => ({ nodes })),
  },
  OrderItem: { product: (queries) => byId("productsById", queries.map(({ obj }) => obj.productId), "id") },
  User: { orders: lists("ordersByUser", "userId", "userId", (nodes, userId) => ({ nodes, userId })) },
  OrderConnection: { totalCount: (queries) => counts(queries.map(({ obj }) => obj.userId)) },
};

const resolveType = (result) => result.__typename;
const app = Fastify();
app.register(mercurius, {
  schema: readFileSync(new URL("schema.graphql", import.meta.url), "utf8"),
  resolvers: { ...resolvers, ...Object.fromEntries(unions.map((name) => [name, { resolveType }])) },
  loaders,
  jit: 1,
  graphiql: false,
});
await app.listen({ port: Number(process.env.BENCH_PORT), host: "127.0.0.1" });
