import { useSearchParams } from "wouter";
import type { AuditAction, AuditedType, AuditEntryFilter } from "../../gql/graphql";
import { startOfDay } from "../../ui/days";

export const TYPES: readonly AuditedType[] = [
  "API_KEY",
  "ARTICLE",
  "COMMENT",
  "DOCUMENT",
  "INVITATION",
  "LABEL",
  "ORDER",
  "ORDER_ITEM",
  "PRODUCT",
  "PROJECT",
  "TASK",
  "TENANT",
  "USER",
];
export const ACTIONS: readonly AuditAction[] = ["CREATE", "UPDATE", "DELETE", "PURGE"];

/** Names of the filters in the address. */
export type FilterName = "type" | "action" | "actor" | "operation" | "from" | "to" | "object";

const known = <Value extends string>(values: readonly Value[], text: string | null): Value | undefined =>
  values.find((value) => value === text);

/** Return the filter that the address names; what it says that is no such value is left out. */
export function useAuditFilter(): AuditEntryFilter | null {
  const [params] = useSearchParams();
  const read = (name: FilterName) => params.get(name) ?? "";
  const [from, to] = [startOfDay(read("from")), startOfDay(read("to"), 1)];
  const [type, action] = [known(TYPES, read("type")), known(ACTIONS, read("action"))];
  const filter: AuditEntryFilter = {
    ...(type && { table: { eq: type } }),
    ...(action && { action: { eq: action } }),
    ...(read("actor") && { actorId: { eq: read("actor") } }),
    ...(read("operation") && { operation: { contains: read("operation") } }),
    ...(read("object") && { rowId: { eq: read("object") } }),
    ...((from ?? to) && { createdAt: { ...(from && { gte: from }), ...(to && { lt: to }) } }),
  };
  return Object.keys(filter).length > 0 ? filter : null;
}
