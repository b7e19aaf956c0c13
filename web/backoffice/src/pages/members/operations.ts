import { graphql } from "../../gql";

export const MEMBER_ROW = graphql(`
  fragment MemberRow on User {
    id
    fullName
    email
    role
    isActive
    isFormer
    createdAt
    version
    viewerCan { changeRole remove setActive }
  }
`);

export const MEMBERS_PAGE = graphql(`
  query MembersPage($filter: UserFilter) {
    ...Shell
    tenant { id viewerCan { leave } }
    users(first: 30, filter: $filter) {
      totalCount
      nodes { ...MemberRow }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const MORE_MEMBERS = graphql(`
  query MoreMembers($filter: UserFilter, $after: String!) {
    users(first: 30, after: $after, filter: $filter) {
      nodes { ...MemberRow }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const CHANGE_MEMBER_ROLE = graphql(`
  mutation ChangeMemberRole($input: ChangeMemberRoleInput!) {
    changeMemberRole(input: $input) {
      __typename
      ...MemberRow
      ... on VersionConflict { current { ...MemberRow } }
      ... on Error { code message }
    }
  }
`);

export const SET_USERS_ACTIVE = graphql(`
  mutation SetUsersActive($ids: [ID!]!, $isActive: Boolean!) {
    setUsersActive(input: { ids: $ids, isActive: $isActive }) {
      __typename
      ... on UsersSwitched { count }
      ... on InvalidInput { fields { path message } }
      ... on Error { code message }
    }
  }
`);

export const REMOVE_MEMBER = graphql(`
  mutation RemoveMember($id: ID!) {
    removeMember(input: { id: $id }) {
      __typename
      ...MemberRow
      ... on Error { code message }
    }
  }
`);

export const LEAVE_TENANT = graphql(`
  mutation LeaveTenant {
    leaveTenant {
      __typename
      ... on User { id isFormer }
      ... on Error { code message }
    }
  }
`);

export const INVITATION_ROW = graphql(`
  fragment InvitationRow on Invitation {
    id
    email
    role
    createdAt
    expiresAt
    viewerCan { revoke }
  }
`);

export const INVITATIONS_PAGE = graphql(`
  query InvitationsPage($filter: InvitationFilter) {
    ...Shell
    invitations(first: 30, filter: $filter) {
      totalCount
      nodes { ...InvitationRow }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const MORE_INVITATIONS = graphql(`
  query MoreInvitations($filter: InvitationFilter, $after: String!) {
    invitations(first: 30, after: $after, filter: $filter) {
      nodes { ...InvitationRow }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const INVITE_MEMBER = graphql(`
  mutation InviteMember($input: InviteMemberInput!) {
    inviteMember(input: $input) {
      __typename
      ... on Invitation { ...InvitationRow token }
      ... on InvalidInput { fields { path message } }
      ... on AlreadyExists { field }
      ... on Error { code message }
    }
  }
`);

export const REVOKE_INVITATION = graphql(`
  mutation RevokeInvitation($id: ID!) {
    revokeInvitation(input: { id: $id }) {
      __typename
      ... on Invitation { id }
      ... on Error { code message }
    }
  }
`);

export const API_KEY_ROW = graphql(`
  fragment ApiKeyRow on ApiKey {
    id
    name
    role
    createdAt
    expiresAt
    lastUsedAt
    creator { id fullName }
    viewerCan { revoke }
  }
`);

export const API_KEYS_PAGE = graphql(`
  query ApiKeysPage($filter: ApiKeyFilter) {
    ...Shell
    apiKeys(first: 30, filter: $filter) {
      totalCount
      nodes { ...ApiKeyRow }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const MORE_API_KEYS = graphql(`
  query MoreApiKeys($filter: ApiKeyFilter, $after: String!) {
    apiKeys(first: 30, after: $after, filter: $filter) {
      nodes { ...ApiKeyRow }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const CREATE_API_KEY = graphql(`
  mutation CreateApiKey($input: CreateApiKeyInput!) {
    createApiKey(input: $input) {
      __typename
      ... on ApiKey { ...ApiKeyRow token }
      ... on InvalidInput { fields { path message } }
      ... on Error { code message }
    }
  }
`);

export const REVOKE_API_KEY = graphql(`
  mutation RevokeApiKey($id: ID!) {
    revokeApiKey(input: { id: $id }) {
      __typename
      ... on ApiKey { id }
      ... on Error { code message }
    }
  }
`);
