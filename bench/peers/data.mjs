// The database as the servers for Node see it: prepared statements on a pool of pg's.
import pg from "pg";

const { BENCH_OWNER_URL, BENCH_POOL, BENCH_STATEMENTS, BENCH_TENANT, BENCH_USER } = process.env;

pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, (text) => text); // a Date would lose microseconds
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

const pool = new pg.Pool({ connectionString: BENCH_OWNER_URL, max: Number(BENCH_POOL) });
const statements = JSON.parse(BENCH_STATEMENTS);

/** The rows of one statement; it is prepared once on each connection. */
export async function rows(name, ...values) {
  const result = await pool.query({ name, text: statements[name], values: [BENCH_TENANT, ...values] });
  return result.rows;
}

/** For each id its row, by the column that holds it. */
export async function byId(name, ids, key) {
  const found = new Map((await rows(name, ids)).map((row) => [row[key], row]));
  return ids.map((id) => found.get(id));
}

/** For each id its rows, by the column that holds it. */
export async function listsById(name, ids, first, key) {
  const lists = new Map(ids.map((id) => [id, []]));
  for (const row of await rows(name, ids, first)) lists.get(row[key]).push(row);
  return ids.map((id) => lists.get(id));
}

export async function counts(ids) {
  const found = new Map((await rows("countsByUser", ids)).map((row) => [row.userId, row.count]));
  return ids.map((id) => found.get(id) ?? 0);
}

/** A new task; again if another one got the same place on the board meanwhile. */
async function createTask(title) {
  for (;;) {
    try {
      return (await rows("createTask", BENCH_USER, title))[0];
    } catch (error) {
      if (error.constraint !== "tasks_tenant_id_position_key") throw error;
    }
  }
}

async function placeOrder({ items, shippingAddress }) {
  const products = items.map(({ productId }) => plain(productId));
  const quantities = items.map(({ quantity }) => quantity);
  return (await rows("placeOrder", BENCH_USER, products, quantities, shippingAddress))[0];
}

const refused = (message) => ({ __typename: "Refused", message });
const plain = (id) => id.slice(id.indexOf(":") + 1);
const money = (minor, currency) => ({ amount: (minor / 100).toFixed(2), currency });
const list = async (name, first) => ({ nodes: await rows(name, first) });

function segments(marked) {
  const found = [];
  for (const [, match, rest] of marked.matchAll(/\uFDD0([^\uFDD1]*)\uFDD1|([^\uFDD0\uFDD1]+)/g)) {
    found.push(match === undefined ? { text: rest, match: false } : { text: match, match: true });
  }
  return found;
}

/** The unions, whose members say what they are. */
export const unions = ["UpdateTaskResult", "CreateTaskResult", "PlaceOrderResult"];

/** Everything but the relations, which each server loads in its own way, and the unions. */
export const resolvers = {
  Query: {
    order: async (_, { id }) => (await rows("order", plain(id)))[0],
    orders: async (_, { first, filter }) => ({
      nodes: filter?.status?.eq ? await rows("ordersByStatus", first, filter.status.eq) : await rows("orders", first),
    }),
    users: (_, { first }) => list("users", first),
    products: (_, { first }) => list("products", first),
    projects: (_, { first }) => list("projects", first),
    articles: (_, { first }) => list("articles", first),
    searchArticles: async (_, { query, first }) => {
      const found = await rows("search", query, first);
      return { edges: found.map((node) => ({ node })), totalCount: found[0]?.total ?? 0 };
    },
  },
  Mutation: {
    updateTask: async (_, { input }) => {
      const [task] = await rows("updateTask", plain(input.id), input.title);
      return task ? { __typename: "Task", ...task } : { __typename: "NotFound", message: "There is no such task." };
    },
    createTask: async (_, { input }) => ({ __typename: "Task", ...(await createTask(input.title)) }),
    placeOrder: async (_, { input }) => {
      const order = await placeOrder(input);
      return order ? { __typename: "Order", ...order } : refused("This order cannot be placed.");
    },
  },
  Order: { totalAmount: (order) => money(order.totalMinor, order.currency) },
  OrderItem: { unitPrice: (item) => money(item.unitPriceMinor, item.currency) },
  ArticleSearchEdge: {
    titleSegments: ({ node }) => segments(node.markedTitle),
    snippetSegments: ({ node }) => segments(node.markedContent),
  },
};
