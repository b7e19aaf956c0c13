import { graphql } from "../../gql";

export const ARTICLE_ROW = graphql(`
  fragment ArticleRow on Article {
    id
    title
    status
    language
    updatedAt
    author { id fullName }
  }
`);

export const ARTICLES_PAGE = graphql(`
  query ArticlesPage($filter: ArticleFilter, $after: String) {
    ...Shell
    articles(first: 30, after: $after, filter: $filter, orderBy: [{ field: UPDATED_AT, direction: DESC }]) {
      totalCount
      nodes { ...ArticleRow }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const SEARCH_PAGE = graphql(`
  query ArticleSearchPage($query: String!, $filter: ArticleSearchFilter, $after: String) {
    ...Shell
    searchArticles(query: $query, filter: $filter, first: 20, after: $after) {
      totalCount
      corrected
      correctedQuery
      edges {
        cursor
        node { ...ArticleRow }
        titleSegments { text match }
        snippetSegments { text match }
      }
      facets {
        languages { value count }
        authors { value { id fullName } count }
        months { value count }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const ARTICLE_TEXT = graphql(`
  fragment ArticleText on Article {
    id
    title
    content
    status
    language
    version
    updatedAt
    publishedAt
    author { id fullName }
    viewerCan { update publish delete }
  }
`);

export const ARTICLE_PAGE = graphql(`
  query ArticlePage($id: ID!) {
    ...Shell
    article(id: $id) { ...ArticleText }
    feedCursor
  }
`);

export const NEW_ARTICLE_PAGE = graphql(`
  query NewArticlePage {
    ...Shell
  }
`);

export const ARTICLE_CHANGES = graphql(`
  subscription ArticleChanges($after: String) {
    articleChanged(after: $after) { cursor articleId article { ...ArticleText } }
  }
`);

export const CREATE_ARTICLE = graphql(`
  mutation CreateArticle($input: CreateArticleInput!) {
    createArticle(input: $input) {
      __typename
      ... on Article { id title }
      ... on InvalidInput { fields { path message } }
      ... on Error { code message }
    }
  }
`);

export const UPDATE_ARTICLE = graphql(`
  mutation UpdateArticle($input: UpdateArticleInput!) {
    updateArticle(input: $input) {
      __typename
      ...ArticleText
      ... on InvalidInput { fields { path message } }
      ... on VersionConflict { current { ...ArticleText } }
      ... on Error { code message }
    }
  }
`);

export const DELETE_ARTICLE = graphql(`
  mutation DeleteArticle($id: ID!) {
    deleteArticle(input: { id: $id }) {
      __typename
      ... on Article { id }
      ... on Error { code message }
    }
  }
`);
