import { useState } from "react";
import { useTranslation } from "react-i18next";
import { graphql } from "../../gql";
import type { AccountPageQuery } from "../../gql/graphql";
import { session } from "../../session";
import { useFormat } from "../../ui/format";
import { ProblemNotice } from "../../ui/ProblemNotice";
import type { Problem } from "../../ui/problem";
import { useChange } from "../../ui/useChange";
import { Outcome } from "./Outcome";
import { describeUserAgent } from "./userAgent";

const REVOKE = graphql(`
  mutation RevokeSession($id: ID!) {
    revokeSession(input: { id: $id }) {
      __typename
      ... on SessionsEnded { count }
      ... on Error { code message }
    }
  }
`);

const END_ALL = graphql(`
  mutation LogoutEverywhere {
    logoutEverywhere { __typename count }
  }
`);

type LoginSession = NonNullable<AccountPageQuery["viewer"]>["sessions"]["nodes"][number];

/** The person's logins on all devices, each of which can be ended. */
export function SessionList({ sessions, onEnded }: { sessions: readonly LoginSession[]; onEnded: () => void }) {
  const { t } = useTranslation("account");
  const { moment } = useFormat();
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isEnded, setEnded] = useState(false);
  const revoke = useChange(REVOKE);
  const endAll = useChange(END_ALL);

  const end = async (id: string) => {
    setEnded(false);
    const { problem: found } = await revoke({ id });
    setEnded(found === null);
    setProblem(found);
    if (!found || found.code === "NOT_FOUND") onEnded();
  };
  const logOutEverywhere = async () => {
    const { problem: found } = await endAll({});
    if (found) setProblem(found);
    else session.forget();
  };

  return (
    <section className="card wide" aria-labelledby="sessions">
      <h2 id="sessions">{t("sessions.title")}</h2>
      <Outcome>{isEnded && <p>{t("sessions.ended")}</p>}</Outcome>
      <ProblemNotice problem={problem} />
      <div className="scroll" role="group" aria-labelledby="sessions" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t("device")}</th>
              <th scope="col">{t("ip")}</th>
              <th scope="col">{t("sessions.since")}</th>
              <th scope="col">{t("sessions.used")}</th>
              <td />
            </tr>
          </thead>
          <tbody>
            {sessions.map(({ id, createdAt, refreshedAt, ip, userAgent, isCurrent }) => (
              <tr key={id}>
                <td>{describeUserAgent(userAgent) ?? t("unknown")}</td>
                <td>{ip ?? t("unknown")}</td>
                <td>{moment(createdAt)}</td>
                <td>{moment(refreshedAt)}</td>
                <td>
                  {isCurrent ? (
                    <span className="badge">{t("sessions.current")}</span>
                  ) : (
                    <button type="button" onClick={() => void end(id)}>
                      {t("sessions.end")}
                    </button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="after-table">
        <button type="button" className="danger" onClick={() => void logOutEverywhere()}>
          {t("sessions.endAll")}
        </button>
      </p>
    </section>
  );
}
