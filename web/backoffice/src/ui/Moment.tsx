import { useFormat } from "./format";

/** A date and time for people and programs. */
export function Moment({ at }: { at: string }) {
  const { dateTime } = useFormat();
  return <time dateTime={at}>{dateTime(at)}</time>;
}
