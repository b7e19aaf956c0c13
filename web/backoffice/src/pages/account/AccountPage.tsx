import { useTranslation } from "react-i18next";
import { useQuery } from "urql";
import { graphql } from "../../gql";
import { Shell } from "../../shell/Shell";
import { Loading } from "../../ui/Loading";
import { problemOfError } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { EmailSection } from "./EmailSection";
import { NameForm } from "./NameForm";
import { PasswordForm } from "./PasswordForm";
import { SecurityEvents } from "./SecurityEvents";
import { SessionList } from "./SessionList";
import "./account.css";

const ACCOUNT = graphql(`
  query AccountPage {
    ...Shell
    viewer {
      id
      email
      emailVerifiedAt
      fullName
      version
      sessions(first: 100) { nodes { id createdAt refreshedAt ip userAgent isCurrent } }
      securityEvents(first: 20) {
        nodes { ...SecurityEventRow }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
`);

/** The person's own account: the same whatever tenant is entered. */
export default function AccountPage() {
  const { t } = useTranslation("account");
  const [{ data, error }, ask] = useQuery({ query: ACCOUNT });
  const refetch = () => ask({ requestPolicy: "network-only" });
  const viewer = data?.viewer;
  return (
    <Shell data={data} title={t("title")}>
      <ProblemNotice problem={problemOfError(error)} />
      {!data && !error && <Loading />}
      {viewer && (
        <div className="account">
          <NameForm fullName={viewer.fullName} version={viewer.version} />
          <EmailSection email={viewer.email} verifiedAt={viewer.emailVerifiedAt} onVerified={refetch} />
          <PasswordForm email={viewer.email} onChanged={refetch} />
          <SessionList sessions={viewer.sessions.nodes} onEnded={refetch} />
          <SecurityEvents first={viewer.securityEvents} />
        </div>
      )}
    </Shell>
  );
}
