import type { ReactNode } from "react";
import { LanguageChoice } from "./LanguageChoice";
import { usePageTitle } from "./usePageTitle";

/** A page outside the shell: a small one around one thing to do. */
export function PlainPage({ title, children }: { title: string; children: ReactNode }) {
  usePageTitle(title);
  return (
    <div className="plain">
      <header>
        <span className="brand">Atrium</span>
        <LanguageChoice />
      </header>
      <main>
        <h1>{title}</h1>
        {children}
      </main>
    </div>
  );
}
