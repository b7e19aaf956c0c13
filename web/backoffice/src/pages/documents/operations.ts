import { graphql } from "../../gql";

export const DOCUMENT_ROW = graphql(`
  fragment DocumentRow on Document {
    id
    title
    updatedAt
    deletedAt
    version
    creator { id fullName }
    deletedBy { id fullName }
    project { id name }
    viewerCan { restore purge }
  }
`);

export const DOCUMENTS_PAGE = graphql(`
  query DocumentsPage($filter: DocumentFilter, $after: String) {
    ...Shell
    documents(first: 30, after: $after, filter: $filter, orderBy: [{ field: UPDATED_AT, direction: DESC }]) {
      totalCount
      nodes { ...DocumentRow }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const TRASH_PAGE = graphql(`
  query TrashPage($filter: TrashFilter, $after: String) {
    ...Shell
    trash(first: 30, after: $after, filter: $filter) {
      totalCount
      nodes { ...DocumentRow }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const DOCUMENT_TEXT = graphql(`
  fragment DocumentText on Document {
    id
    title
    content
    version
    updatedAt
    creator { id fullName }
    project { id name }
    viewerCan { update revert delete }
  }
`);

export const DOCUMENT_PAGE = graphql(`
  query DocumentPage($id: ID!) {
    ...Shell
    document(id: $id) {
      ...DocumentText
      history(first: 50) {
        nodes { id action operation createdAt version actor { id fullName } changes { field before after } }
        pageInfo { hasNextPage endCursor }
      }
    }
    projects(first: 100, orderBy: [{ field: NAME }]) { nodes { id name } }
    feedCursor
  }
`);

export const DOCUMENT_CHANGES = graphql(`
  subscription DocumentChanges($after: String) {
    documentChanged(after: $after) { cursor action documentId actor { id fullName } document { ...DocumentText } }
  }
`);

export const CREATE_DOCUMENT = graphql(`
  mutation CreateDocument($input: CreateDocumentInput!) {
    createDocument(input: $input) {
      __typename
      ... on Document { id title }
      ... on InvalidInput { fields { path message } }
      ... on AlreadyExists { field }
      ... on Error { code message }
    }
  }
`);

export const UPDATE_DOCUMENT = graphql(`
  mutation UpdateDocument($input: UpdateDocumentInput!) {
    updateDocument(input: $input) {
      __typename
      ...DocumentText
      ... on InvalidInput { fields { path message } }
      ... on AlreadyExists { field }
      ... on VersionConflict { current { ...DocumentText } }
      ... on Error { code message }
    }
  }
`);

export const REVERT_DOCUMENT = graphql(`
  mutation RevertDocument($input: RevertDocumentInput!) {
    revertDocument(input: $input) {
      __typename
      ...DocumentText
      ... on InvalidInput { fields { path message } }
      ... on AlreadyExists { field }
      ... on VersionConflict { current { ...DocumentText } }
      ... on Error { code message }
    }
  }
`);

export const DELETE_DOCUMENT = graphql(`
  mutation DeleteDocument($input: DeleteDocumentInput!) {
    deleteDocument(input: $input) {
      __typename
      ... on Document { id deletedAt }
      ... on VersionConflict { current { ...DocumentText } }
      ... on Error { code message }
    }
  }
`);

export const RESTORE_DOCUMENT = graphql(`
  mutation RestoreDocument($id: ID!) {
    restoreDocument(input: { id: $id }) {
      __typename
      ... on Document { id deletedAt }
      ... on AlreadyExists { field }
      ... on Error { code message }
    }
  }
`);

export const PURGE_DOCUMENT = graphql(`
  mutation PurgeDocument($id: ID!) {
    purgeDocument(input: { id: $id }) {
      __typename
      ... on Document { id }
      ... on Error { code message }
    }
  }
`);
