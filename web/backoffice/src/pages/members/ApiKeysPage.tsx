import "./members.css";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useQuery } from "urql";
import type { ApiKeyRowFragment } from "../../gql/graphql";
import { Shell } from "../../shell/Shell";
import { ConfirmDialog } from "../../ui/ConfirmDialog";
import { useFormat } from "../../ui/format";
import { Loading } from "../../ui/Loading";
import { NextPage } from "../../ui/NextPage";
import { problemOfError } from "../../ui/problem";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { SearchField } from "../../ui/SearchField";
import { useAddressState } from "../../ui/useAddressState";
import { useChange } from "../../ui/useChange";
import { Outcome } from "../account/Outcome";
import { MemberTabs } from "./MemberTabs";
import { NewApiKey } from "./NewApiKey";
import { API_KEYS_PAGE, MORE_API_KEYS, REVOKE_API_KEY } from "./operations";
import { rolesToGive } from "./RoleField";

/** The tenant's API keys, the latest first. */
export default function ApiKeysPage() {
  const { t } = useTranslation("members");
  const { number } = useFormat();
  const [asked, setAsked] = useState<ApiKeyRowFragment | null>(null);
  const [done, setDone] = useState("");
  const [search] = useAddressState("q");
  const filter = search ? { name: { contains: search } } : null;
  const [{ data, error, fetching }] = useQuery({ query: API_KEYS_PAGE, variables: { filter } });
  const rows = (keys: readonly ApiKeyRowFragment[]) =>
    keys.map((apiKey) => (
      <KeyRow
        key={apiKey.id}
        apiKey={apiKey}
        onAsk={() => {
          setDone("");
          setAsked(apiKey);
        }}
      />
    ));
  return (
    <Shell data={data} title={t("tab.keys")}>
      <MemberTabs viewer={data?.viewer} />
      <div className="row spread">
        <SearchField label={t("key.search")} />
        {data?.viewer?.permissions.includes("API_KEYS_WRITE") && <NewApiKey roles={rolesToGive(data.viewer)} />}
      </div>
      <ProblemNotice problem={problemOfError(error)} />
      <Outcome>{done && <p>{done}</p>}</Outcome>
      {fetching && !data && <Loading />}
      {data && (
        <>
          <p className="soft" role="status">
            {t("key.count", { count: data.apiKeys.totalCount, number: number(data.apiKeys.totalCount) })}
          </p>
          <ul className="people">
            {rows(data.apiKeys.nodes)}
            <NextPage
              key={search}
              before={data.apiKeys}
              query={MORE_API_KEYS}
              variablesOf={(after) => ({ filter, after })}
              pageOf={(next) => next.apiKeys}
              frame={(button) => <li>{button}</li>}
            >
              {rows}
            </NextPage>
          </ul>
        </>
      )}
      {asked && <RevokeDialog apiKey={asked} onDone={setDone} onClose={() => setAsked(null)} />}
    </Shell>
  );
}

function KeyRow({ apiKey, onAsk }: { apiKey: ApiKeyRowFragment; onAsk: () => void }) {
  const { t } = useTranslation("members");
  const { t: common } = useTranslation();
  const { moment } = useFormat();
  const [now] = useState(() => Date.now());
  const { name, role, createdAt, expiresAt, lastUsedAt, creator, viewerCan } = apiKey;
  return (
    <li className="card" data-key={apiKey.id}>
      <div>
        <h2>{name}</h2>
        <p className="soft">{t("key.made", { name: creator.fullName, at: moment(createdAt) })}</p>
        <p className="soft">
          {lastUsedAt ? t("key.used", { at: moment(lastUsedAt) }) : t("key.unused")}{" "}
          {expiresAt ? t("key.until", { at: moment(expiresAt) }) : t("key.forGood")}
        </p>
      </div>
      <div className="row">
        <span className="badge">{common(`roles.${role}`)}</span>
        {expiresAt && Date.parse(expiresAt) <= now && <span className="badge off">{t("key.expired")}</span>}
      </div>
      <div className="row actions">
        {viewerCan.revoke && (
          <button type="button" className="danger" aria-label={`${t("key.revoke")}: ${name}`} onClick={onAsk}>
            {t("key.revoke")}
          </button>
        )}
      </div>
    </li>
  );
}

interface RevokeProps {
  apiKey: ApiKeyRowFragment;
  onDone: (sentence: string) => void;
  onClose: () => void;
}

function RevokeDialog({ apiKey: { id, name }, onDone, onClose }: RevokeProps) {
  const { t } = useTranslation("members");
  const revoke = useChange(REVOKE_API_KEY);
  return (
    <ConfirmDialog
      title={t("key.revokeQuestion", { name })}
      action={t("key.revoke")}
      texts={{ NOT_FOUND: t("key.revokedAlready") }}
      onConfirm={async () => {
        const { problem } = await revoke({ id });
        if (!problem) {
          onDone(t("key.revoked", { name }));
          onClose();
        }
        return problem;
      }}
      onClose={onClose}
    >
      <p>{t("key.revokeExplanation")}</p>
    </ConfirmDialog>
  );
}
