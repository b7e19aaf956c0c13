import { Redirect } from "wouter";

/** Where the login's own address leads to once somebody is logged in. */
export function LoggedInPage() {
  return <Redirect to="/" replace />;
}
