import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "urql";
import { graphql } from "../../gql";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { TextField } from "../../ui/TextField";
import { useChange } from "../../ui/useChange";
import { useSubmit } from "../../ui/useSubmit";
import { Outcome } from "./Outcome";

const UPDATE = graphql(`
  mutation UpdateViewer($input: UpdateViewerInput!) {
    updateViewer(input: $input) {
      __typename
      ... on Viewer { id fullName version }
      ... on InvalidInput { fields { path message } }
      ... on Error { code message }
    }
  }
`);

const CURRENT = graphql(`
  query CurrentName {
    viewer { id fullName version }
  }
`);

interface Shown {
  fullName: string;
  version: number;
}

/** A name as it is being typed, and what was shown when that began. */
interface Draft extends Shown {
  text: string;
}

export function NameForm({ fullName, version }: Shown) {
  const { t } = useTranslation("account");
  const [draft, setDraft] = useState<Draft | null>(null);
  const [isSaved, setSaved] = useState(false);
  const client = useClient();
  const update = useChange(UPDATE);

  /** Saves, unless the name was changed meanwhile; what else has changed of the account does not matter. */
  const save = async (text: string, seen: Shown): ReturnType<typeof update> => {
    const outcome = await update({ input: { fullName: text, expectedVersion: seen.version } });
    if (outcome.problem?.code !== "VERSION_CONFLICT") return outcome;
    const { data } = await client.query(CURRENT, {}, { requestPolicy: "network-only" });
    const now = data?.viewer;
    const isSame = now?.fullName === seen.fullName && now.version !== seen.version; // a login is a change as well
    return isSame ? save(text, now) : outcome;
  };
  const { submit, problem, isBusy } = useSubmit(async ({ fullName: text = "" }) => {
    setSaved(false);
    const { problem: found } = await save(text, draft ?? { fullName, version });
    if (found) return found;
    setDraft(null);
    setSaved(true);
    return null;
  });
  const isConflict = problem?.code === "VERSION_CONFLICT" && draft !== null;
  return (
    <section className="card" aria-labelledby="own-name">
      <h2 id="own-name">{t("name")}</h2>
      <form onSubmit={submit} aria-busy={isBusy}>
        <Outcome>{isSaved && <p>{t("saved")}</p>}</Outcome>
        <ProblemNotice problem={problem} beside={["fullName"]} />
        <TextField
          label={t("name")}
          name="fullName"
          autoComplete="name"
          maxLength={100}
          value={draft?.text ?? fullName}
          onChange={({ target }) => setDraft({ fullName, version, ...draft, text: target.value })}
          problem={problem}
          required
        />
        {isConflict && <p>{t("nameConflict", { theirs: fullName, mine: draft.text })}</p>}
        <div className="row">
          {/* The new version is what is shown now, and is known before this is clicked. */}
          <button
            type="submit"
            className="primary"
            disabled={isBusy}
            onClick={() => isConflict && setDraft({ ...draft, fullName, version })}
          >
            {t(isConflict ? "keepMine" : "save")}
          </button>
          {isConflict && (
            <button type="button" onClick={() => setDraft(null)}>
              {t("takeTheirs")}
            </button>
          )}
        </div>
      </form>
    </section>
  );
}
