import { useFormat } from "./format";

/** A date and time for people and programs. */
export function Moment({ at }: { at: string }) {
  const { moment } = useFormat();
  return <time dateTime={at}>{moment(at)}</time>;
}
