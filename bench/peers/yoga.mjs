// GraphQL Yoga on Node's own HTTP server, with DataLoader.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import DataLoader from "dataloader";
import { createSchema, createYoga } from "graphql-yoga";
import { byId, counts, listsById, resolvers, unions } from "./data.mjs";

class Loaders {
  users = new DataLoader((ids) => byId("usersById", ids, "userId"));
  products = new DataLoader((ids) => byId("productsById", ids, "id"));
  counts = new DataLoader(counts);
  lists = new Map();

  list(name, key, first) {
    const label = `${name} ${first}`;
    if (!this.lists.has(label)) this.lists.set(label, new DataLoader((ids) => listsById(name, ids, first, key)));
    return this.lists.get(label);
  }
}

const __resolveType = (result) => result.__typename;
const yoga = createYoga({
  schema: createSchema({
    typeDefs: readFileSync(new URL("schema.graphql", import.meta.url), "utf8"),
    resolvers: {
      ...resolvers,
      ...Object.fromEntries(unions.map((name) => [name, { __resolveType }])),
      Order: {
        ...resolvers.Order,
        user: (order, _, { loaders }) => loaders.users.load(order.userId),
        items: async (order, { first }, { loaders }) => ({
          nodes: await loaders.list("itemsByOrder", "orderId", first).load(order.id),
        }),
      },
      OrderItem: { ...resolvers.OrderItem, product: (item, _, { loaders }) => loaders.products.load(item.productId) },
      User: {
        orders: (user, { first }, { loaders }) => ({
          userId: user.userId,
          nodes: loaders.list("ordersByUser", "userId", first).load(user.userId),
        }),
      },
      OrderConnection: { totalCount: ({ userId }, _, { loaders }) => loaders.counts.load(userId) },
    },
  }),
  context: () => ({ loaders: new Loaders() }),
  graphiql: false,
  landingPage: false,
  logging: false,
});
createServer(yoga).listen(Number(process.env.BENCH_PORT), "127.0.0.1");
