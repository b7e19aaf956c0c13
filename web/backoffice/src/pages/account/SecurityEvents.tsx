import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useQuery } from "urql";
import { graphql } from "../../gql";
import type { AccountPageQuery, SecurityEventRowFragment } from "../../gql/graphql";
import { useFormat } from "../../ui/format";
import { problemOfError } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { describeUserAgent } from "./userAgent";

export const SECURITY_EVENT_ROW = graphql(`
  fragment SecurityEventRow on SecurityEvent {
    id
    eventType
    createdAt
    ip
    userAgent
  }
`);

const MORE = graphql(`
  query MoreSecurityEvents($after: String!) {
    viewer {
      id
      securityEvents(first: 20, after: $after) {
        nodes { ...SecurityEventRow }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
`);

type Page = NonNullable<AccountPageQuery["viewer"]>["securityEvents"];

/** What has happened to the account, the newest first, a page at a time. */
export function SecurityEvents({ first }: { first: Page }) {
  const { t } = useTranslation("account");
  return (
    <section className="card wide" aria-labelledby="events">
      <h2 id="events">{t("events.title")}</h2>
      <div className="scroll" role="group" aria-labelledby="events" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t("events.when")}</th>
              <th scope="col">{t("events.what")}</th>
              <th scope="col">{t("device")}</th>
              <th scope="col">{t("ip")}</th>
            </tr>
          </thead>
          <tbody>
            <Rows page={first} />
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** The rows of a page, and behind them those of the next ones, as far as they were asked for. */
function Rows({ page: { nodes, pageInfo } }: { page: Page }) {
  const { t } = useTranslation("account");
  const [after, setAfter] = useState<string | null>(null);
  return (
    <>
      {nodes.map((event) => (
        <Row key={event.id} event={event} />
      ))}
      {after !== null && <MoreRows after={after} />}
      {after === null && pageInfo.hasNextPage && (
        <tr>
          <td colSpan={4}>
            <button type="button" onClick={() => setAfter(pageInfo.endCursor)}>
              {t("events.more")}
            </button>
          </td>
        </tr>
      )}
    </>
  );
}

function MoreRows({ after }: { after: string }) {
  const [{ data, error }] = useQuery({ query: MORE, variables: { after } });
  if (data?.viewer) return <Rows page={data.viewer.securityEvents} />;
  return (
    <tr>
      <td colSpan={4}>
        <ProblemNotice problem={problemOfError(error)} />
      </td>
    </tr>
  );
}

function Row({ event: { eventType, createdAt, ip, userAgent } }: { event: SecurityEventRowFragment }) {
  const { t } = useTranslation("account");
  const { dateTime } = useFormat();
  return (
    <tr>
      <td>{dateTime(createdAt)}</td>
      <td>{t(`events.types.${eventType}`)}</td>
      <td>{describeUserAgent(userAgent) ?? t("unknown")}</td>
      <td>{ip ?? t("unknown")}</td>
    </tr>
  );
}
