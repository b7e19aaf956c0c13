import type { ValueFault } from "./reasons";

/** A value that is not what its column holds. */
export class Unreadable extends Error {
  constructor(
    readonly fault: ValueFault,
    readonly choices?: string,
  ) {
    super(fault);
  }
}

/** Returns a value as the API takes it. Throws Unreadable. */
type Reader = (held: unknown) => unknown;

/** A column of a file. */
export interface Column {
  /** As the API calls the field. */
  name: string;
  /** Reads what is not empty; a column without it is exported alone. */
  read?: Reader;
  isRequired?: boolean;
  /** Whether no two rows may hold the same, ignoring case. */
  isUnique?: boolean;
}

const LARGEST_INT = 2 ** 31 - 1;
const MOST_CHOICES = 12; // that are named
const FLAGS: Partial<Record<string, boolean>> = {
  true: true,
  yes: true,
  "1": true,
  false: false,
  no: false,
  "0": false,
  wahr: true, // what a German Excel makes of `true`
  ja: true,
  falsch: false,
  nein: false,
};
const MOMENT = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(?:(Z)|([+-]\d{2}):?(\d{2}))?$/i;

/** A text as it is. */
export const text: Reader = (held) => {
  if (typeof held !== "string") throw new Unreadable("noText");
  return held;
};

/** Return a value of one word, or of a number, without blanks around it. */
function wordOf(held: unknown): string {
  return typeof held === "number" || typeof held === "boolean" ? String(held) : (text(held) as string).trim();
}

export const word: Reader = wordOf;

/** A whole number from 0. */
export const count: Reader = (held) => {
  const digits = wordOf(held);
  if (!/^\d{1,10}$/.test(digits) || Number(digits) > LARGEST_INT) throw new Unreadable("noCount");
  return Number(digits);
};

/** An amount of money, a text all the way, so that no float touches it; with a point or a comma before its decimals. */
export const amount: Reader = (held) => {
  const digits = wordOf(held);
  if (!/^\d{1,15}([.,]\d{1,4})?$/.test(digits)) throw new Unreadable("noAmount");
  return digits.replace(",", ".");
};

export const flag: Reader = (held) => {
  const value = FLAGS[wordOf(held).toLowerCase()];
  if (value === undefined) throw new Unreadable("noFlag");
  return value;
};

/** A moment in ISO 8601; without an offset it is one in UTC, as the API has it. */
export const moment: Reader = (held) => {
  const [, day, time, , hours = "+00", minutes = "00"] = MOMENT.exec(wordOf(held)) ?? [];
  const midnight = Date.parse(`${day ?? ""}T00:00:00Z`);
  const isDay = !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(day ?? "-"); // no 30th of February
  const iso = `${day ?? ""}T${time ?? ""}${hours}:${minutes}`;
  if (!isDay || Number.isNaN(Date.parse(iso))) throw new Unreadable("noMoment");
  return iso;
};

/** One of the values of an enum, whatever its case and with blanks or hyphens for its underscores. */
export const choice =
  (choices: readonly string[]): Reader =>
  (held) => {
    const value = wordOf(held).toUpperCase().replace(/[\s-]+/g, "_");
    if (choices.includes(value)) return value;
    const named = choices.slice(0, MOST_CHOICES).join(", ");
    throw new Unreadable("noChoice", choices.length > MOST_CHOICES ? `${named}, …` : named);
  };

/** Ids, in JSONL as a list, in CSV with commas or blanks between them. */
export const ids: Reader = (held) => {
  const list: readonly unknown[] = Array.isArray(held) ? held : wordOf(held).split(/[\s,;]+/);
  return list.map(wordOf).filter((id) => id !== "");
};

/** Whether a file holds nothing at a place. */
export const isEmpty = (held: unknown) =>
  held === undefined || held === null || (typeof held === "string" && held.trim() === "");

/** Return a name as it is compared: whoever writes `Due date` or `due_date` means `dueDate`. */
export const plainName = (name: string) => name.toLowerCase().replace(/[\s_-]/g, "");
