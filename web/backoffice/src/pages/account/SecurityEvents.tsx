import { useTranslation } from "react-i18next";
import { graphql } from "../../gql";
import type { AccountPageQuery, SecurityEventRowFragment } from "../../gql/graphql";
import { useFormat } from "../../ui/format";
import { NextPage } from "../../ui/NextPage";
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
            {rowsOf(first.nodes)}
            <NextPage
              before={first}
              query={MORE}
              variablesOf={(after) => ({ after })}
              pageOf={({ viewer }) => viewer?.securityEvents ?? NONE}
              frame={(button) => (
                <tr>
                  <td colSpan={4}>{button}</td>
                </tr>
              )}
            >
              {rowsOf}
            </NextPage>
          </tbody>
        </table>
      </div>
    </section>
  );
}

const rowsOf = (events: readonly SecurityEventRowFragment[]) => events.map((event) => <Row key={event.id} event={event} />);

const NONE: Page = { __typename: "SecurityEventConnection", nodes: [], pageInfo: { __typename: "PageInfo", hasNextPage: false, endCursor: null } };

function Row({ event: { eventType, createdAt, ip, userAgent } }: { event: SecurityEventRowFragment }) {
  const { t } = useTranslation("account");
  const { moment } = useFormat();
  return (
    <tr>
      <td>{moment(createdAt)}</td>
      <td>{t(`events.types.${eventType}`)}</td>
      <td>{describeUserAgent(userAgent) ?? t("unknown")}</td>
      <td>{ip ?? t("unknown")}</td>
    </tr>
  );
}
