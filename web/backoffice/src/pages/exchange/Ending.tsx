import { useLostFocus } from "./useLostFocus";

/** Says what has become of a job; takes the focus over from the button that could stop it. */
export function Ending({ children }: { children: string }) {
  const place = useLostFocus<HTMLParagraphElement>();
  return (
    <p ref={place} tabIndex={-1}>
      {children}
    </p>
  );
}
