import { graphql } from "../../gql";

export const PRODUCT_ROW = graphql(`
  fragment ProductRow on Product {
    id
    sku
    name
    description
    price { amount currency }
    stockQuantity
    isActive
    version
    viewerCan { update restock }
  }
`);

export const PRODUCTS = graphql(`
  query ProductsPage($filter: ProductFilter) {
    ...Shell
    products(first: 30, filter: $filter) {
      totalCount
      nodes { ...ProductRow }
      pageInfo { hasNextPage endCursor }
    }
    feedCursor
  }
`);

export const MORE_PRODUCTS = graphql(`
  query MoreProducts($filter: ProductFilter, $after: String) {
    products(first: 30, filter: $filter, after: $after) {
      nodes { ...ProductRow }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const PRODUCTS_CHANGED = graphql(`
  subscription ProductsChanged($after: String) {
    productChanged(after: $after) {
      cursor
      productId
      product { ...ProductRow }
    }
  }
`);

export const CREATE = graphql(`
  mutation CreateProduct($input: CreateProductInput!) {
    createProduct(input: $input) {
      __typename
      ...ProductRow
      ... on InvalidInput { fields { path message } }
      ... on AlreadyExists { field }
      ... on Error { code message }
    }
  }
`);

export const UPDATE = graphql(`
  mutation UpdateProduct($input: UpdateProductInput!) {
    updateProduct(input: $input) {
      __typename
      ...ProductRow
      ... on InvalidInput { fields { path message } }
      ... on AlreadyExists { field }
      ... on VersionConflict { currentVersion current { ...ProductRow } }
      ... on Error { code message }
    }
  }
`);

export const RESTOCK = graphql(`
  mutation RestockProduct($input: RestockProductInput!) {
    restockProduct(input: $input) {
      __typename
      ...ProductRow
      ... on InvalidInput { fields { path message } }
      ... on Error { code message }
    }
  }
`);
