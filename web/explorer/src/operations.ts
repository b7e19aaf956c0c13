import { graphql } from "./gql";

export const LOGIN = graphql(`
  mutation ExplorerLogin($email: String!, $password: String!, $tenant: String) {
    login(input: { email: $email, password: $password, tenant: $tenant }) {
      __typename
      ... on Session { accessToken refreshToken expiresAt tenant { slug } }
      ... on Error { message }
    }
  }
`);

export const REFRESH = graphql(`
  mutation ExplorerRefresh($refreshToken: String!, $tenant: String) {
    refresh(input: { refreshToken: $refreshToken, tenant: $tenant }) {
      __typename
      ... on Session { accessToken refreshToken expiresAt tenant { slug } }
      ... on Error { message }
    }
  }
`);

export const SWITCH_TENANT = graphql(`
  mutation ExplorerSwitchTenant($tenant: String!) {
    switchTenant(input: { tenant: $tenant }) {
      __typename
      ... on Session { accessToken refreshToken expiresAt tenant { slug } }
      ... on Error { message }
    }
  }
`);

export const LOGOUT = graphql(`
  mutation ExplorerLogout {
    logout { __typename }
  }
`);

export const PROFILE = graphql(`
  query ExplorerProfile {
    viewer {
      email
      fullName
      memberships(first: 100) { nodes { role tenant { name slug } } }
    }
  }
`);
