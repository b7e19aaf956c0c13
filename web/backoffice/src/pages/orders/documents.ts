import { graphql } from "../../gql";

export const ORDER_ROW = graphql(`
  fragment OrderRow on Order {
    id
    number
    status
    totalAmount { amount currency }
    user { id fullName }
    createdAt
  }
`);

export const ORDERS = graphql(`
  query OrdersPage($filter: OrderFilter) {
    ...Shell
    orders(first: 30, filter: $filter) {
      totalCount
      nodes { ...OrderRow }
      pageInfo { hasNextPage endCursor }
    }
    feedCursor
  }
`);

export const MORE_ORDERS = graphql(`
  query MoreOrders($filter: OrderFilter, $after: String) {
    orders(first: 30, filter: $filter, after: $after) {
      nodes { ...OrderRow }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const ORDERS_CHANGED = graphql(`
  subscription OrdersChanged($after: String) {
    orderEvents(after: $after) {
      cursor
      event { id type orderId order { ...OrderRow } }
    }
  }
`);

/** What an order is at one time. */
export const ORDER_STATE = graphql(`
  fragment OrderState on Order {
    id
    number
    status
    version
    totalAmount { amount currency }
    shippingAddress
    user { id fullName }
    items(first: 100) {
      nodes {
        id
        line
        quantity
        unitPrice { amount currency }
        subtotal { amount currency }
        product { id name sku }
      }
    }
    createdAt
    updatedAt
  }
`);

/** An order as it is now, with all that has happened to it and what may be done with it. */
export const ORDER_NOW = graphql(`
  fragment OrderNow on Order {
    ...OrderState
    nextStatuses
    viewerCan { confirm ship deliver cancel delete }
    events(first: 100) {
      nodes { id type version createdAt actor { id fullName } viaApiKey reason }
    }
  }
`);

export const ORDER = graphql(`
  query OrderPage($id: ID!) {
    ...Shell
    order(id: $id) { ...OrderNow }
    feedCursor
  }
`);

export const ORDER_AS_OF = graphql(`
  query OrderAsOf($id: ID!, $asOf: DateTime!) {
    order(id: $id, asOf: $asOf) { ...OrderState }
  }
`);

export const ORDER_CHANGED = graphql(`
  subscription OrderChanged($after: String) {
    orderEvents(after: $after) {
      cursor
      event { id type orderId order { ...OrderNow } }
    }
  }
`);

export const CONFIRM = graphql(`
  mutation ConfirmOrder($input: ConfirmOrderInput!) {
    result: confirmOrder(input: $input) {
      __typename
      ...OrderNow
      ... on InvalidInput { fields { path message } }
      ... on IllegalTransition { currentStatus allowed }
      ... on VersionConflict { currentVersion }
      ... on Error { code message }
    }
  }
`);

export const SHIP = graphql(`
  mutation ShipOrder($input: ShipOrderInput!) {
    result: shipOrder(input: $input) {
      __typename
      ...OrderNow
      ... on InvalidInput { fields { path message } }
      ... on IllegalTransition { currentStatus allowed }
      ... on VersionConflict { currentVersion }
      ... on Error { code message }
    }
  }
`);

export const DELIVER = graphql(`
  mutation DeliverOrder($input: DeliverOrderInput!) {
    result: deliverOrder(input: $input) {
      __typename
      ...OrderNow
      ... on InvalidInput { fields { path message } }
      ... on IllegalTransition { currentStatus allowed }
      ... on VersionConflict { currentVersion }
      ... on Error { code message }
    }
  }
`);

export const CANCEL = graphql(`
  mutation CancelOrder($input: CancelOrderInput!) {
    result: cancelOrder(input: $input) {
      __typename
      ...OrderNow
      ... on InvalidInput { fields { path message } }
      ... on IllegalTransition { currentStatus allowed }
      ... on VersionConflict { currentVersion }
      ... on Error { code message }
    }
  }
`);

export const DELETE = graphql(`
  mutation DeleteOrder($input: DeleteOrderInput!) {
    result: deleteOrder(input: $input) {
      __typename
      ... on Order { id number }
      ... on InvalidInput { fields { path message } }
      ... on IllegalTransition { currentStatus allowed }
      ... on VersionConflict { currentVersion }
      ... on Error { code message }
    }
  }
`);

export const NEW_ORDER = graphql(`
  query NewOrderPage {
    ...Shell
  }
`);

export const FIND_PRODUCTS = graphql(`
  query FindProducts($filter: ProductFilter) {
    products(first: 8, filter: $filter) {
      nodes { id name sku price { amount currency } stockQuantity }
    }
  }
`);

export const PLACE = graphql(`
  mutation PlaceOrder($input: PlaceOrderInput!) {
    placeOrder(input: $input) {
      __typename
      ... on Order { id number }
      ... on OutOfStock { lines { name requested available product { ... on Product { id stockQuantity } } } }
      ... on InvalidInput { fields { path message } }
      ... on Error { code message }
    }
  }
`);
