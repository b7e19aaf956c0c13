import { graphql } from "../../gql";

export const AUDIT_ROW = graphql(`
  fragment AuditRow on AuditEntry {
    id
    table
    rowId
    action
    operation
    createdAt
    ip
    userAgent
    requestId
    viaApiKey
    apiKey { id name }
    actor { id fullName }
    changes { field before after }
    node {
      id
      ... on ApiKey { name }
      ... on Article { title }
      ... on Document { title }
      ... on Invitation { email }
      ... on Label { name }
      ... on Order { number }
      ... on OrderItem { order { id number } product { id name } }
      ... on Product { name }
      ... on Project { name }
      ... on Task { title }
      ... on Tenant { name }
      ... on User { fullName }
    }
  }
`);

export const AUDIT_PAGE = graphql(`
  query AuditPage($filter: AuditEntryFilter) {
    ...Shell
    users(first: 100, filter: { isFormer: { in: [true, false] } }) { nodes { id fullName } }
    auditLog(first: 30, filter: $filter) {
      totalCount
      nodes { ...AuditRow }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const MORE_AUDIT_ENTRIES = graphql(`
  query MoreAuditEntries($filter: AuditEntryFilter, $after: String!) {
    auditLog(first: 30, after: $after, filter: $filter) {
      nodes { ...AuditRow }
      pageInfo { hasNextPage endCursor }
    }
  }
`);
