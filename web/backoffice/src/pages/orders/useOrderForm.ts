import { useState } from "react";
import { useClient } from "urql";
import type { FindProductsQuery, PlaceOrderMutation } from "../../gql/graphql";
import { problemOfAnswer, problemOfError, type Problem } from "../../ui/problem";
import { newKey } from "../../ui/newKey";
import { clearPersistedState, usePersistedState } from "../../ui/usePersistedState";
import { PLACE } from "./documents";

export type FoundProduct = FindProductsQuery["products"]["nodes"][number];
export type Shortage = Extract<PlaceOrderMutation["placeOrder"], { __typename: "OutOfStock" }>["lines"][number];

export interface OrderLine {
  product: FoundProduct;
  /** As it was typed. */
  quantity: string;
  shortage: Shortage | null;
}

/** Return the number that was typed; null if it is none that can be ordered. */
export function readQuantity(text: string): bigint | null {
  return /^[0-9]+$/.test(text) && BigInt(text) > 0n ? BigInt(text) : null;
}

const KEPT = ["new order", "new order's address", "new order's key"] as const;
const [LINES, ADDRESS, KEY] = KEPT;

/**
 * What is to be ordered. Its key stays the same however often it is sent, so that an order whose answer was lost is not
 * placed a second time.
 */
export function useOrderForm(onPlaced: (id: string) => void) {
  const client = useClient();
  const [lines, setLines] = usePersistedState<readonly OrderLine[]>(LINES, []);
  const [shippingAddress, setShippingAddress] = usePersistedState(ADDRESS, "");
  const [problem, setProblem] = useState<Problem | null>(null);
  const [key, setKey] = usePersistedState(KEY, newKey);
  const [isBusy, setBusy] = useState(false);

  const change = (id: string, changes: Partial<OrderLine>) =>
    setLines((all) => all.map((line) => (line.product.id === id ? { ...line, ...changes } : line)));

  const place = async (idempotencyKey: string) => {
    setBusy(true);
    setProblem(null);
    const items = lines.map(({ product, quantity }) => ({ productId: product.id, quantity: Number(quantity) }));
    const { data, error } = await client.mutation(PLACE, { input: { items, shippingAddress, idempotencyKey } }).toPromise();
    setBusy(false);
    const result = data?.placeOrder;
    if (result?.__typename === "Order") {
      for (const name of KEPT) clearPersistedState(name);
      onPlaced(result.id);
      return;
    }
    setProblem(problemOfError(error) ?? problemOfAnswer(result));
    const shortages = result?.__typename === "OutOfStock" ? result.lines : [];
    setLines((all) => all.map((line) => ({ ...line, shortage: shortageOf(line, shortages) })));
  };

  return {
    lines,
    problem,
    isBusy,
    add(product: FoundProduct) {
      setLines((all) => (all.some((line) => line.product.id === product.id) ? all : [...all, { product, quantity: "1", shortage: null }]));
    },
    remove(id: string) {
      setLines((all) => all.filter(({ product }) => product.id !== id));
    },
    change,
    /** Begin with nothing. */
    clear() {
      setLines([]);
      setShippingAddress("");
      setKey(newKey());
      setProblem(null);
    },
    shippingAddress,
    setShippingAddress,
    submit: () => place(key),
    /** Send it as another order than the one that the key stands for. */
    submitAnew() {
      const other = newKey();
      setKey(other);
      return place(other);
    },
  };
}

function shortageOf({ product }: OrderLine, shortages: readonly Shortage[]): Shortage | null {
  return (
    shortages.find((one) => (one.product?.__typename === "Product" ? one.product.id === product.id : one.name === product.name)) ?? null
  );
}
