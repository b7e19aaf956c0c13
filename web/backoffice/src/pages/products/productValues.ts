import type { Currency } from "../../gql/graphql";

/** A product as its form sends it. */
export interface ProductValues {
  sku: string;
  name: string;
  description: string | null;
  price: { amount: string; currency: Currency };
  isActive: boolean;
}
