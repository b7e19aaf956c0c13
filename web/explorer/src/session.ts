import { useEffect, useState } from "react";
import { send } from "../../shared/api";
import { SessionStore, useSession } from "../../shared/session";
import { graphql } from "./gql";
import type { ExplorerProfileQuery } from "./gql/graphql";

/** Nothing of a login outlives the browser's tab: whoever tries things here may be several people at once. */
export const session = new SessionStore("atrium-explorer", sessionStorage);

const PROFILE = graphql(`
  query ExplorerProfile {
    viewer {
      memberships(first: 100) { nodes { role tenant { name slug } } }
    }
  }
`);

type Membership = NonNullable<ExplorerProfileQuery["viewer"]>["memberships"]["nodes"][number];

/** The memberships of whoever is logged in; none until they are known. */
export function useMemberships(): readonly Membership[] {
  const [memberships, setMemberships] = useState<readonly Membership[]>([]);
  const current = useSession(session).session;
  const account = current?.kind === "person" ? current.account : null;
  useEffect(() => {
    if (!account) return;
    let isStale = false;
    session
      .authorization()
      .then((authorization) => send(PROFILE, {}, authorization))
      .then(({ viewer }) => {
        if (!isStale) setMemberships(viewer?.memberships.nodes ?? []);
      })
      .catch(() => null); // the next login tells
    return () => {
      isStale = true;
      setMemberships([]);
    };
  }, [account]);
  return memberships;
}
