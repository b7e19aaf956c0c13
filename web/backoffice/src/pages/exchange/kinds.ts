import type { CreateProductInput, CreateUserInput, ImportArticleInput, NewTaskInput, Permission, ShellFragment } from "../../gql/graphql";
import { ARTICLE_LANGUAGES } from "../articles/languages";
import { STATUSES } from "../board/boardState";
import { PRIORITIES } from "../board/parts";
import { rolesToGive } from "../members/RoleField";
import { CURRENCIES } from "../products/currencies";
import { amount, choice, count, flag, ids, moment, text, word, type Column } from "./columns";
import { pageReader, rowSender, type AskForPage, type SendRows } from "./requests";
import type { Values } from "./files";
import {
  EXPORT_ARTICLES,
  EXPORT_MEMBERS,
  EXPORT_PRODUCTS,
  EXPORT_TASKS,
  IMPORT_ARTICLES,
  IMPORT_MEMBERS,
  IMPORT_PRODUCT,
  IMPORT_TASKS,
} from "./operations";

export type Viewer = ShellFragment["viewer"];

/** A kind of things that are exported and imported. */
export interface Kind {
  name: "articles" | "members" | "products" | "tasks";
  /** Permission to export them. */
  read: Permission;
  /** Permission to import them. */
  write: Permission;
  /** Columns of a file, in the order of an export. */
  columns(viewer: Viewer): readonly Column[];
  ask: AskForPage;
  send: SendRows;
  /** How many rows are sent at once, at most; the API takes up to 1,000. */
  batchSize: number;
}

/** So many rows take a moment: progress is seen, and a cancelled import ends soon. */
const BATCH_SIZE = 200;

const TASKS: Kind = {
  name: "tasks",
  read: "TASKS_READ",
  write: "TASKS_WRITE",
  columns: () => [
    { name: "id" },
    { name: "title", read: text, isRequired: true },
    { name: "description", read: text },
    { name: "status", read: choice(STATUSES) },
    { name: "priority", read: choice(PRIORITIES) },
    { name: "labelIds", read: ids },
    { name: "labels" },
    { name: "dueDate", read: moment },
    { name: "projectId", read: word },
    { name: "project" },
    { name: "assigneeId", read: word },
    { name: "assignee" },
    { name: "creator" },
    { name: "createdAt" },
    { name: "updatedAt" },
  ],
  ask: pageReader(
    EXPORT_TASKS,
    ({ tasks }) => tasks,
    ({ labels, project, assignee, creator, ...task }) => ({
      ...task,
      labelIds: labels.nodes.map(({ id }) => id),
      labels: labels.nodes.map(({ name }) => name),
      projectId: project?.id,
      project: project?.name,
      assigneeId: assignee?.id,
      assignee: assignee?.fullName,
      creator: creator.fullName,
    }),
  ),
  send: rowSender(IMPORT_TASKS, (rows, idempotencyKey) => ({ tasks: rows as unknown as NewTaskInput[], idempotencyKey })),
  batchSize: BATCH_SIZE,
};

const PRODUCTS: Kind = {
  name: "products",
  read: "PRODUCTS_READ",
  write: "PRODUCTS_WRITE",
  columns: () => [
    { name: "id" },
    { name: "sku", read: text, isRequired: true },
    { name: "name", read: text, isRequired: true },
    { name: "description", read: text },
    { name: "priceAmount", read: amount, isRequired: true },
    { name: "priceCurrency", read: choice(CURRENCIES), isRequired: true },
    { name: "stockQuantity", read: count },
    { name: "isActive", read: flag },
    { name: "createdAt" },
    { name: "updatedAt" },
  ],
  ask: pageReader(
    EXPORT_PRODUCTS,
    ({ products }) => products,
    ({ price, ...product }) => ({ ...product, priceAmount: price.amount, priceCurrency: price.currency }),
  ),
  send: rowSender(IMPORT_PRODUCT, ([row = {}], idempotencyKey) => ({ ...productOf(row), idempotencyKey })),
  batchSize: 1, // the API has no call that creates several
};

function productOf({ priceAmount, priceCurrency, ...rest }: Values): CreateProductInput {
  return { ...rest, price: { amount: priceAmount, currency: priceCurrency } } as CreateProductInput;
}

const ARTICLES: Kind = {
  name: "articles",
  read: "ARTICLES_READ",
  write: "ARTICLES_PUBLISH", // which the API wants of an import, though not of a draft
  columns: () => [
    { name: "id" },
    { name: "title", read: text, isRequired: true },
    { name: "content", read: text, isRequired: true },
    { name: "language", read: choice(ARTICLE_LANGUAGES) },
    { name: "status", read: choice(["DRAFT", "PUBLISHED"]) },
    { name: "author" },
    { name: "publishedAt" },
    { name: "createdAt" },
    { name: "updatedAt" },
  ],
  ask: pageReader(
    EXPORT_ARTICLES,
    ({ articles }) => articles,
    ({ author, ...article }) => ({ ...article, author: author.fullName }),
  ),
  send: rowSender(IMPORT_ARTICLES, (rows, idempotencyKey) => ({ articles: rows as unknown as ImportArticleInput[], idempotencyKey })),
  batchSize: BATCH_SIZE,
};

const MEMBERS: Kind = {
  name: "members",
  read: "MEMBERS_READ",
  write: "MEMBERS_WRITE",
  columns: (viewer) => [
    { name: "id" },
    { name: "email", read: word, isRequired: true, isUnique: true },
    { name: "fullName", read: text },
    { name: "role", read: choice(rolesToGive(viewer)) },
    { name: "isActive" },
    { name: "createdAt" },
    { name: "updatedAt" },
  ],
  ask: pageReader(
    EXPORT_MEMBERS,
    ({ users }) => users,
    (user) => ({ ...user }),
  ),
  // Takes no key: whoever is invited twice has one invitation, the second. Without a password nobody gets an account.
  send: rowSender(IMPORT_MEMBERS, (rows) => ({ users: rows.map(invitationOf) })),
  batchSize: BATCH_SIZE,
};

const LONGEST_NAME = 100;

/** The API wants a name, which it does not use for an invitation. */
function invitationOf(row: Values): CreateUserInput {
  const { email } = row as { email: string };
  return { fullName: email.slice(0, LONGEST_NAME), ...row } as CreateUserInput;
}

export const KINDS: readonly Kind[] = [TASKS, PRODUCTS, ARTICLES, MEMBERS];
