import type { Problem } from "../../ui/problem";

/** Return a problem with the password alone named as wrong: whose it is, is known to whoever is logged in. */
export const nameWrongPassword = (problem: Problem | null): Problem | null =>
  problem?.code === "INVALID_CREDENTIALS" ? { ...problem, code: "WRONG_PASSWORD" } : problem;
