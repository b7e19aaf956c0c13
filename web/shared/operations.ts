import { graphql } from "./gql";

export const LOGIN = graphql(`
  mutation Login($email: String!, $password: String!, $tenant: String) {
    login(input: { email: $email, password: $password, tenant: $tenant }) {
      __typename
      ... on Session { accessToken refreshToken expiresAt viewer { id email } tenant { slug } }
      ... on RateLimited { retryAfter }
      ... on Error { message }
    }
  }
`);

export const REFRESH = graphql(`
  mutation Refresh($refreshToken: String!, $tenant: String) {
    refresh(input: { refreshToken: $refreshToken, tenant: $tenant }) {
      __typename
      ... on Session { accessToken refreshToken expiresAt viewer { id email } tenant { slug } }
      ... on Error { message }
    }
  }
`);

export const SWITCH_TENANT = graphql(`
  mutation SwitchTenant($tenant: String!) {
    switchTenant(input: { tenant: $tenant }) {
      __typename
      ... on Session { accessToken refreshToken expiresAt viewer { id email } tenant { slug } }
      ... on Error { message }
    }
  }
`);

export const LOGOUT = graphql(`
  mutation Logout {
    logout { __typename }
  }
`);
