import { useState } from "react";
import { useTranslation } from "react-i18next";
import { graphql } from "../../gql";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { TextField } from "../../ui/TextField";
import { useMutate } from "../../ui/useMutate";
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

interface Props {
  fullName: string;
  version: number;
  onConflict: () => void;
}

/** A name as it is being typed, and the version that was shown when that began. */
interface Draft {
  text: string;
  version: number;
}

export function NameForm({ fullName, version, onConflict }: Props) {
  const { t } = useTranslation("account");
  const [draft, setDraft] = useState<Draft | null>(null);
  const [isSaved, setSaved] = useState(false);
  const update = useMutate(UPDATE);
  const { submit, problem, isBusy } = useSubmit(async ({ fullName: text = "" }) => {
    setSaved(false);
    const expectedVersion = draft?.version ?? version;
    const { answer, problem: found } = await update({ input: { fullName: text, expectedVersion } });
    if (found?.code === "VERSION_CONFLICT") onConflict();
    if (!answer) return found;
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
        <ProblemNotice problem={problem} />
        <TextField
          label={t("name")}
          name="fullName"
          autoComplete="name"
          maxLength={100}
          value={draft?.text ?? fullName}
          onChange={({ target }) => setDraft({ text: target.value, version: draft?.version ?? version })}
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
            onClick={() => isConflict && setDraft({ ...draft, version })}
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
