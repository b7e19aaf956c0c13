export interface Amount {
  amount: string;
  currency: string;
}

/** Return an amount in the smallest units of its currency; a whole number, so that sums are exact. */
function minorUnits(amount: string): bigint {
  return BigInt(amount.replace(".", ""));
}

/** Return what several of one price cost. */
export function multiply({ amount, currency }: Amount, quantity: bigint): Amount {
  return fromMinorUnits(minorUnits(amount) * quantity, decimalsOf(amount), currency);
}

/** Return the sum of amounts; null if there are none, or if they are in several currencies. */
export function sum(amounts: readonly Amount[]): Amount | null {
  const [first] = amounts;
  if (!first || amounts.some(({ currency }) => currency !== first.currency)) return null;
  const total = amounts.reduce((units, { amount }) => units + minorUnits(amount), 0n);
  return fromMinorUnits(total, decimalsOf(first.amount), first.currency);
}

/** Amounts of the API have as many decimals as their currency has. */
export function decimalsOf(amount: string): number {
  return amount.split(".")[1]?.length ?? 0;
}

function fromMinorUnits(units: bigint, decimals: number, currency: string): Amount {
  if (decimals === 0) return { amount: String(units), currency };
  const digits = String(units).padStart(decimals + 1, "0");
  return { amount: `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`, currency };
}
