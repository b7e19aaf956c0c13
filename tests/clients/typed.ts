// The types that graphql-codegen generates are what they should be; what must not fit is refused by the compiler.
import type { ResultOf, VariablesOf } from "@graphql-typed-document-node/core";
import type { EveryCreateTaskMutation, EveryProductQuery, EveryTaskQuery, MoneyInput } from "./samples/gql/graphql.ts";
import { ADD_TASK, TASK_PAGE } from "./samples/queries.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const is = <_Condition extends true>() => {};

type Task = NonNullable<EveryTaskQuery["task"]>;
is<Same<Task["title"], string>>();
is<Same<Task["dueDate"], string | null>>();
is<Same<NonNullable<EveryProductQuery["product"]>["unitsSold"], number | null>>();
is<Same<MoneyInput["amount"], string | number>>();
// @ts-expect-error a status is one of those that there are
export const status: Task["status"] = "ELSE";

type Created = EveryCreateTaskMutation["createTask"];
is<Same<Extract<Created, { __typename: "InvalidInput" }>["message"], string>>();
is<Same<Extract<Created, { __typename: "Elsewhere" }>, never>>();

is<Same<VariablesOf<typeof TASK_PAGE>["after"], string | null | undefined>>();
is<Same<ResultOf<typeof TASK_PAGE>["tasks"]["edges"][number]["node"]["id"], string>>();
// @ts-expect-error a title is needed
export const input: VariablesOf<typeof ADD_TASK>["input"] = {};
