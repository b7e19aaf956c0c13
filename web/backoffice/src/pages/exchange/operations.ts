import { graphql } from "../../gql";

export const EXCHANGE_PAGE = graphql(`
  query ExchangePage {
    ...Shell
  }
`);

export const EXPORT_TASKS = graphql(`
  query ExportTasks($after: String, $isFirst: Boolean!) {
    tasks(first: 100, after: $after, orderBy: [{ field: CREATED_AT, direction: ASC }]) {
      totalCount @include(if: $isFirst)
      nodes {
        id
        title
        description
        status
        priority
        labels(first: 20) { nodes { id name } }
        dueDate
        project { id name }
        assignee { id fullName }
        creator { id fullName }
        createdAt
        updatedAt
      }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const EXPORT_PRODUCTS = graphql(`
  query ExportProducts($after: String, $isFirst: Boolean!) {
    products(first: 100, after: $after, orderBy: [{ field: CREATED_AT, direction: ASC }]) {
      totalCount @include(if: $isFirst)
      nodes { id sku name description price { amount currency } stockQuantity isActive createdAt updatedAt }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const EXPORT_ARTICLES = graphql(`
  query ExportArticles($after: String, $isFirst: Boolean!) {
    articles(first: 100, after: $after, orderBy: [{ field: CREATED_AT, direction: ASC }]) {
      totalCount @include(if: $isFirst)
      nodes { id title content language status author { id fullName } publishedAt createdAt updatedAt }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const EXPORT_MEMBERS = graphql(`
  query ExportMembers($after: String, $isFirst: Boolean!) {
    users(first: 100, after: $after, orderBy: [{ field: CREATED_AT, direction: ASC }]) {
      totalCount @include(if: $isFirst)
      nodes { id fullName email role isActive createdAt updatedAt }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const IMPORT_TASKS = graphql(`
  mutation ImportTasks($input: CreateTasksInput!) {
    createTasks(input: $input) {
      __typename
      ... on NewTaskOutcomes {
        outcomes { result { __typename ... on InvalidInput { fields { path message } } ... on Error { code message } } }
      }
      ... on InvalidInput { fields { path message } }
      ... on Error { code message }
    }
  }
`);

export const IMPORT_PRODUCT = graphql(`
  mutation ImportProduct($input: CreateProductInput!) {
    createProduct(input: $input) {
      __typename
      ... on Product { id }
      ... on InvalidInput { fields { path message } }
      ... on AlreadyExists { field }
      ... on Error { code message }
    }
  }
`);

export const IMPORT_ARTICLES = graphql(`
  mutation ImportArticles($input: ImportArticlesInput!) {
    importArticles(input: $input) {
      __typename
      ... on ArticleOutcomes {
        outcomes { result { __typename ... on InvalidInput { fields { path message } } ... on Error { code message } } }
      }
      ... on InvalidInput { fields { path message } }
      ... on Error { code message }
    }
  }
`);

export const IMPORT_MEMBERS = graphql(`
  mutation ImportMembers($input: CreateUsersInput!) {
    createUsers(input: $input) {
      __typename
      ... on CreatedUserOutcomes {
        outcomes {
          result {
            __typename
            ... on InvalidInput { fields { path message } }
            ... on AlreadyExists { field }
            ... on Error { code message }
          }
        }
      }
      ... on InvalidInput { fields { path message } }
      ... on Error { code message }
    }
  }
`);
