import { useTranslation } from "react-i18next";

/** What a column's reader may find wrong with a value. */
export type ValueFault = "missing" | "noAmount" | "noChoice" | "noCount" | "noFlag" | "noMoment" | "noText" | "repeated";

/** Why a row is not imported: what was found here, or what the server says, which is English. */
export type Reason =
  | { code: ValueFault; column: string; choices?: string }
  | { code: "fields"; found: number; expected: number }
  | { code: "noObject" | "quotes" | "tooLarge" | "unknown" | "unsent" }
  | { code: "said"; message: string };

/** Return the function that says reasons: what is wrong here in the reader's language. */
export function useReasons(): (reasons: readonly Reason[]) => string {
  const { t } = useTranslation("exchange");
  const say = (reason: Reason) => (reason.code === "said" ? reason.message : t(`reason.${reason.code}`, { ...reason }));
  return (reasons) => reasons.map(say).join(" ");
}
