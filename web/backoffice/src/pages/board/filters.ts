import { useMemo } from "react";
import { useSearchParams } from "wouter";
import type { TaskFilter, TaskStatus } from "../../gql/graphql";
import type { BoardTask } from "./boardState";

/** What the board is limited to, as its address says. Empty texts are no limits. */
export interface Filters {
  project: string;
  /** `me`, or the id of a user. */
  assignee: string;
  label: string;
  text: string;
}

const NAMES = { project: "project", assignee: "assignee", label: "label", text: "q" } as const;

/** The board's state that is in the address: its filters and the task that is open. */
export function useBoardAddress() {
  const [params, setParams] = useSearchParams();
  const [project, assignee, label, text] = [NAMES.project, NAMES.assignee, NAMES.label, NAMES.text].map(
    (name) => params.get(name) ?? "",
  ) as [string, string, string, string];
  const filters = useMemo(() => ({ project, assignee, label, text }), [project, assignee, label, text]);

  const change = (name: string, value: string, replace = false) =>
    setParams(
      (before) => {
        const after = new URLSearchParams(before);
        if (value) after.set(name, value);
        else after.delete(name);
        return after;
      },
      { replace },
    );
  return {
    filters,
    /** Typing replaces the address, choosing adds one, to which "back" leads. */
    setFilter: (name: keyof Filters, value: string) => change(NAMES[name], value, name === "text"),
    clearFilters: () => setParams({}),
    openTaskId: params.get("task") ?? "",
    openTask: (id: string) => change("task", id),
    closeTask: () => change("task", ""),
  };
}

export const isFiltered = (filters: Filters) => Object.values(filters).some((value: string) => value !== "");

/** Return the filter of the API; without a status for all columns. */
export function toTaskFilter({ project, assignee, label, text }: Filters, status?: TaskStatus): TaskFilter {
  return {
    ...(status && { status: { eq: status } }),
    ...(project && { projectId: { eq: project } }),
    ...(assignee && (assignee === "me" ? { mine: true } : { assigneeId: { eq: assignee } })),
    ...(label && { labelIds: { contains: label } }),
    ...(text && { text: { contains: text } }),
  };
}

/** Return whether a task that has changed meets the filters, as the server would say. */
export function isShown(task: BoardTask, { project, assignee, label, text }: Filters, me: string | undefined): boolean {
  const texts = `${task.title}\n${task.description ?? ""}`.toLowerCase();
  return (
    (!project || task.project?.id === project) &&
    (!assignee || task.assignee?.id === (assignee === "me" ? me : assignee)) &&
    (!label || task.labels.nodes.some(({ id }) => id === label)) &&
    texts.includes(text.toLowerCase())
  );
}
