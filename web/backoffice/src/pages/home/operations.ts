import { graphql } from "../../gql";

export const HOME = graphql(`
  query HomePage($since: DateTime!, $timeZone: String!, $low: Int!) {
    ...Shell
    days: orderStats(
      filter: { createdAt: { gte: $since }, not: { status: { eq: CANCELLED } } }
      by: DAY
      timeZone: $timeZone
    ) {
      groups { period count sum { amount currency } }
    }
    orders: orderStats(filter: { createdAt: { gte: $since }, not: { status: { eq: CANCELLED } } }) {
      totalCount
      groups { count sum { amount currency } }
    }
    taskStats(groupBy: [STATUS]) {
      totalCount
      groups { key { status } count }
    }
    myTasks: tasks(first: 6, filter: { mine: true, status: { not: DONE } }, orderBy: [{ field: DUE_DATE }]) {
      totalCount
      nodes { id title dueDate project { id name } }
    }
    runningOut: products(
      first: 6
      filter: { isActive: { eq: true }, stockQuantity: { lte: $low } }
      orderBy: [{ field: STOCK_QUANTITY }, { field: NAME }]
    ) {
      totalCount
      nodes { id sku name stockQuantity }
    }
  }
`);
