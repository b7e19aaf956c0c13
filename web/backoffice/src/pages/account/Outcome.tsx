import type { ReactNode } from "react";
import "./account.css";

/** Says what has been done. The region is always there, so that screen readers read what comes into it. */
export function Outcome({ children }: { children: ReactNode }) {
  return (
    <div role="status" className="outcome">
      {children}
    </div>
  );
}
