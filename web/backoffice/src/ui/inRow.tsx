import type { ReactNode } from "react";

/** Return the frame of a button that stands below the rows of a table. */
export const inRow = (columns: number) => (button: ReactNode) => (
  <tbody>
    <tr className="more">
      <td colSpan={columns}>{button}</td>
    </tr>
  </tbody>
);
