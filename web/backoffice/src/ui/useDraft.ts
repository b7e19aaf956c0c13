import { useEffect, useState, type SubmitEvent } from "react";
import { problemOfThrown, type Problem } from "./problem";
import { usePersistedState } from "./usePersistedState";

interface Saved<Current> {
  problem: Problem | null;
  /** What somebody else has saved meanwhile, if that is the problem. */
  theirs?: Current | null;
}

interface Options<Current, Draft> {
  /** Under which name what was typed is kept while somebody looks something up. */
  name: string;
  /** What is saved, as it is now. */
  current: Current;
  draftOf: (current: Current) => Draft;
  /** Saves a draft on top of a version. */
  save: (draft: Draft, version: number) => Promise<Saved<Current>>;
}

/**
 * A form over something that others may change at the same time. What they save shows where nothing was typed, and
 * replaces nothing that was: saving then is a choice between both.
 */
export function useDraft<Current extends { version: number }, Draft extends object>(options: Options<Current, Draft>) {
  const { name, current, draftOf, save } = options;
  const [draft, setDraft] = usePersistedState<{ values: Draft; version: number } | null>(name, null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [theirs, setTheirs] = useState<Current | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [isSaved, setSaved] = useState(false);
  const { values, version } = draft ?? { values: draftOf(current), version: current.version };
  useWarnOfLoss(draft !== null);

  const send = async (onTopOf: number) => {
    setBusy(true);
    setProblem(null);
    setTheirs(null);
    try {
      const saved = await save(values, onTopOf);
      if (saved.theirs) setTheirs(saved.theirs);
      else setProblem(saved.problem);
      if (!saved.problem) setDraft(null);
      setSaved(!saved.problem);
    } catch (error) {
      setProblem(problemOfThrown(error));
    } finally {
      setBusy(false);
    }
  };
  const discard = () => {
    setDraft(null);
    setTheirs(null);
    setProblem(null);
  };
  return {
    values,
    edit: (change: Partial<Draft>) => {
      setSaved(false);
      setDraft({ values: { ...values, ...change }, version });
    },
    submit: (event: SubmitEvent<HTMLFormElement>) => {
      event.preventDefault();
      if (!isBusy) void send(version);
    },
    discard,
    problem,
    setProblem,
    isBusy,
    hasChanges: draft !== null,
    isSaved: isSaved && draft === null,
    /** Whether somebody else has saved something since the first change was typed. */
    isOutdated: draft !== null && draft.version !== current.version,
    conflict: theirs && {
      theirs,
      keepMine: () => void send(theirs.version),
      takeTheirs: discard,
      close: () => setTheirs(null),
    },
  };
}

/** Have the browser ask before it leaves a page with changes that are not saved. */
function useWarnOfLoss(isAtStake: boolean): void {
  useEffect(() => {
    if (!isAtStake) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [isAtStake]);
}
