import { useId, type ReactNode } from "react";
import { Link } from "wouter";

interface Props {
  title: string;
  /** Where all of them are. */
  all: string;
  allText: string;
  children: ReactNode;
}

/** The first of a list, and the way to all of it. */
export function ListCard({ title, all, allText, children }: Props) {
  const id = useId();
  return (
    <section className="card" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <ul className="short-list">{children}</ul>
      <Link href={all}>{allText}</Link>
    </section>
  );
}
