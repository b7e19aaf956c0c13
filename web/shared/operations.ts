import { graphql } from "./gql";

export const LOGIN = graphql(`
  mutation Login($email: String!, $password: String!, $tenant: String) {
    login(input: { email: $email, password: $password, tenant: $tenant }) {
      __typename
      ... on Session { accessToken refreshToken expiresAt viewer { id email } tenant { slug } }
      ... on RateLimited { retryAfter }
      ... on InvalidInput { fields { path message } }
      ... on Error { code message }
    }
  }
`);

export const REFRESH = graphql(`
  mutation Refresh($refreshToken: String!, $tenant: String) {
    refresh(input: { refreshToken: $refreshToken, tenant: $tenant }) {
      __typename
      ... on Session { accessToken refreshToken expiresAt viewer { id email } tenant { slug } }
      ... on Error { code message }
    }
  }
`);

export const SWITCH_TENANT = graphql(`
  mutation SwitchTenant($tenant: String!) {
    switchTenant(input: { tenant: $tenant }) {
      __typename
      ... on Session { accessToken refreshToken expiresAt viewer { id email } tenant { slug } }
      ... on Error { code message }
    }
  }
`);

export const LOGOUT = graphql(`
  mutation Logout {
    logout { __typename }
  }
`);

export const REGISTER = graphql(`
  mutation Register($input: RegisterInput!) {
    register(input: $input) {
      __typename
      ... on Session { accessToken refreshToken expiresAt viewer { id email } tenant { slug } }
      ... on RateLimited { retryAfter }
      ... on InvalidInput { fields { path message } }
      ... on Error { code message }
    }
  }
`);

export const REQUEST_PASSWORD_RESET = graphql(`
  mutation RequestPasswordReset($email: String!) {
    requestPasswordReset(input: { email: $email }) {
      __typename
      ... on MailRequested { validMinutes }
      ... on RateLimited { retryAfter }
      ... on InvalidInput { fields { path message } }
      ... on Error { code message }
    }
  }
`);

export const RESET_PASSWORD = graphql(`
  mutation ResetPassword($input: ResetPasswordInput!) {
    resetPassword(input: $input) {
      __typename
      ... on SessionsEnded { count }
      ... on InvalidInput { fields { path message } }
      ... on Error { code message }
    }
  }
`);

export const VERIFY_EMAIL = graphql(`
  mutation VerifyEmail($token: String!) {
    verifyEmail(input: { token: $token }) {
      __typename
      ... on EmailVerified { email }
      ... on Error { code message }
    }
  }
`);

export const ACCEPT_INVITATION = graphql(`
  mutation AcceptInvitation($token: String!) {
    acceptInvitation(input: { token: $token }) {
      __typename
      ... on Tenant { name slug }
      ... on Error { code message }
    }
  }
`);
