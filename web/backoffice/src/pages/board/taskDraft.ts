import type { TFunction } from "i18next";
import type { BoardPageQuery, CardFragment, TaskPriority, TaskStatus, UpdateTaskInput } from "../../gql/graphql";
import { fromLocalInput, toLocalInput } from "../../ui/dates";
import type { Difference } from "../../ui/ConflictTable";

/** What the fields of a task are chosen from. */
export type Choices = Pick<BoardPageQuery, "projects" | "labels" | "users" | "viewer">;

type Whole = CardFragment & { description?: string | null };

/** A task as its form holds it: nothing is an empty text. */
export interface Draft {
  title: string;
  description: string;
  status: TaskStatus;
  priority: TaskPriority;
  assigneeId: string;
  projectId: string;
  dueDate: string;
  labelIds: readonly string[];
}

export function draftOf(task: Whole): Draft {
  return {
    title: task.title,
    description: task.description ?? "",
    status: task.status,
    priority: task.priority,
    assigneeId: task.assignee?.id ?? "",
    projectId: task.project?.id ?? "",
    dueDate: toLocalInput(task.dueDate),
    labelIds: task.labels.nodes.map(({ id }) => id),
  };
}

const asKey = (value: string | readonly string[]) => (typeof value === "string" ? value : [...value].sort().join());

/** Return what the draft changes, and nothing else, so that nobody's change of another field is taken back. */
export function changesOf(base: Whole, draft: Draft): Omit<UpdateTaskInput, "id"> {
  const before = draftOf(base);
  const has = (name: keyof Draft) => asKey(before[name]) !== asKey(draft[name]);
  return {
    ...(has("title") && { title: draft.title }),
    ...(has("description") && { description: draft.description || null }),
    ...(has("status") && { status: draft.status }),
    ...(has("priority") && { priority: draft.priority }),
    ...(has("assigneeId") && { assigneeId: draft.assigneeId || null }),
    ...(has("projectId") && { projectId: draft.projectId || null }),
    ...(has("dueDate") && { dueDate: fromLocalInput(draft.dueDate) }),
    ...(has("labelIds") && { labelIds: [...draft.labelIds] }),
  };
}

const FIELDS = {
  title: "title",
  description: "description",
  status: "status",
  priority: "priority",
  assigneeId: "assignee",
  projectId: "project",
  dueDate: "dueDate",
  labelIds: "labels",
} as const satisfies Record<keyof Draft, string>;

/** Return the fields in which the draft and what others have made of the task differ, as people read them. */
export function differencesOf(base: Whole, draft: Draft, theirs: Whole, choices: Choices, t: TFunction<"board">): Difference[] {
  const other = draftOf(theirs);
  const names = new Map<string, string>();
  for (const { id, fullName } of choices.users.nodes) names.set(id, fullName);
  for (const { id, name } of [...choices.projects.nodes, ...choices.labels.nodes, ...theirs.labels.nodes]) names.set(id, name);
  for (const { assignee, project } of [base, theirs]) {
    if (assignee) names.set(assignee.id, assignee.fullName);
    if (project) names.set(project.id, project.name);
  }
  const write = (name: keyof Draft, { [name]: value }: Draft): string => {
    if (name === "status") return t(`status.${value as TaskStatus}`);
    if (name === "priority") return t(`priority.${value as TaskPriority}`);
    if (name === "dueDate") return (value as string).replace("T", " ");
    if (typeof value !== "string") return value.map((id) => names.get(id) ?? id).join(", ");
    return name === "assigneeId" || name === "projectId" ? (names.get(value) ?? value) : value;
  };
  const differing = (Object.keys(draft) as (keyof Draft)[]).filter((name) => asKey(draft[name]) !== asKey(other[name]));
  return differing.map((name) => ({
    name: t(`fields.${FIELDS[name]}`),
    mine: write(name, draft),
    theirs: write(name, other),
  }));
}
