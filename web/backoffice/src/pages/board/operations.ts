import { graphql } from "../../gql";

export const CARD = graphql(`
  fragment Card on Task {
    id
    title
    status
    priority
    position
    dueDate
    version
    labels(first: 20) { nodes { id name color } }
    assignee { id fullName }
    project { id name }
    viewerCan { update delete }
  }
`);

export const TASK_DETAILS = graphql(`
  fragment TaskDetails on Task {
    ...Card
    description
    createdAt
    updatedAt
    creator { id fullName }
    comments(first: 20) { nodes { ...TaskComment } pageInfo { hasNextPage endCursor } }
  }
`);

export const TASK_COMMENT = graphql(`
  fragment TaskComment on Comment {
    id
    body
    createdAt
    updatedAt
    version
    author { id fullName }
    viewerCan { update delete }
  }
`);

/** All of the page in one request: a root field for each column, what the filters offer, and the task of the address. */
export const BOARD = graphql(`
  query BoardPage($todo: TaskFilter!, $started: TaskFilter!, $done: TaskFilter!, $task: ID!, $withTask: Boolean!) {
    ...Shell
    feedCursor
    todo: tasks(first: 50, filter: $todo, orderBy: { field: POSITION }) { ...BoardColumn }
    started: tasks(first: 50, filter: $started, orderBy: { field: POSITION }) { ...BoardColumn }
    done: tasks(first: 50, filter: $done, orderBy: { field: POSITION }) { ...BoardColumn }
    projects(first: 100, orderBy: { field: NAME }) { nodes { id name } }
    labels(first: 100, orderBy: { field: NAME }) { nodes { id name color } }
    users(first: 100, orderBy: { field: FULL_NAME }) { nodes { id fullName isActive } }
    task(id: $task) @include(if: $withTask) { ...TaskDetails }
  }
`);

export const BOARD_COLUMN = graphql(`
  fragment BoardColumn on TaskConnection {
    totalCount
    nodes { ...Card }
    pageInfo { hasNextPage endCursor }
  }
`);

export const MORE_TASKS = graphql(`
  query BoardMore($filter: TaskFilter!, $after: String) {
    tasks(first: 50, after: $after, filter: $filter, orderBy: { field: POSITION }) { ...BoardColumn }
  }
`);

export const COUNTS = graphql(`
  query BoardCounts($filter: TaskFilter!) {
    taskStats(filter: $filter, groupBy: [STATUS]) { groups { key { status } count } }
  }
`);

export const TASK_CHANGES = graphql(`
  subscription BoardChanges($after: String) {
    taskChanged(after: $after) {
      cursor
      action
      fields
      actor { id fullName }
      taskId
      task { ...Card description }
    }
  }
`);

/** Changes of the task that is open, which the board may not show. */
export const OPEN_TASK_CHANGES = graphql(`
  subscription BoardTaskChanges($id: ID!, $after: String) {
    taskChanged(filter: { taskId: $id }, after: $after) {
      cursor
      actor { id fullName }
      task { ...Card description updatedAt }
    }
  }
`);

export const TASK = graphql(`
  query BoardTask($id: ID!) {
    feedCursor
    task(id: $id) { ...TaskDetails }
  }
`);

export const CREATE_TASK = graphql(`
  mutation BoardCreateTask($input: CreateTaskInput!) {
    createTask(input: $input) {
      __typename
      ... on Task { ...Card description }
      ... on InvalidInput { fields { path message } }
      ... on Error { code message }
    }
  }
`);

export const MOVE_TASK = graphql(`
  mutation BoardMoveTask($input: MoveTaskInput!) {
    moveTask(input: $input) {
      __typename
      ... on Task { ...Card description }
      ... on InvalidInput { fields { path message } }
      ... on VersionConflict { current { ... on Task { ...Card description } } }
      ... on Error { code message }
    }
  }
`);

export const UPDATE_TASK = graphql(`
  mutation BoardUpdateTask($input: UpdateTaskInput!) {
    updateTask(input: $input) {
      __typename
      ... on Task { ...Card description updatedAt }
      ... on InvalidInput { fields { path message } }
      ... on VersionConflict { current { ... on Task { ...Card description updatedAt } } }
      ... on Error { code message }
    }
  }
`);

export const DELETE_TASK = graphql(`
  mutation BoardDeleteTask($id: ID!) {
    deleteTask(input: { id: $id }) {
      __typename
      ... on Task { id }
      ... on Error { code message }
    }
  }
`);

export const MORE_COMMENTS = graphql(`
  query BoardComments($id: ID!, $after: String) {
    task(id: $id) { id comments(first: 20, after: $after) { nodes { ...TaskComment } pageInfo { hasNextPage endCursor } } }
  }
`);

export const COMMENT_CHANGES = graphql(`
  subscription BoardCommentChanges($after: String) {
    commentChanged(after: $after) {
      cursor
      commentId
      comment { ...TaskComment task { id } }
    }
  }
`);

export const CREATE_COMMENT = graphql(`
  mutation BoardCreateComment($input: CreateCommentInput!) {
    createComment(input: $input) {
      __typename
      ... on Comment { ...TaskComment }
      ... on InvalidInput { fields { path message } }
      ... on Error { code message }
    }
  }
`);

export const UPDATE_COMMENT = graphql(`
  mutation BoardUpdateComment($input: UpdateCommentInput!) {
    updateComment(input: $input) {
      __typename
      ... on Comment { ...TaskComment }
      ... on InvalidInput { fields { path message } }
      ... on VersionConflict { current { ... on Comment { ...TaskComment } } }
      ... on Error { code message }
    }
  }
`);

export const DELETE_COMMENT = graphql(`
  mutation BoardDeleteComment($id: ID!) {
    deleteComment(input: { id: $id }) {
      __typename
      ... on Comment { id }
      ... on Error { code message }
    }
  }
`);

export const TASK_HISTORY = graphql(`
  query BoardHistory($id: ID!, $after: String) {
    task(id: $id) {
      id
      history(first: 20, after: $after) {
        nodes { id action createdAt actor { id fullName } changes { field before after } }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
`);
