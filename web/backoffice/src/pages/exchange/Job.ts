import { useState, useSyncExternalStore } from "react";
import { useClient, type Client } from "urql";
import { session } from "../../session";
import { problemOfThrown, type Problem } from "../../ui/problem";

/** Why a job has not come further than it has. */
export type JobNotice = "limited" | "lost";

export interface JobState {
  /** Whether it goes on, is all done, was cancelled, or has met with something that stays wrong. */
  phase: "running" | "done" | "cancelled" | "failed";
  notice: JobNotice | null;
  /** Whether somebody has asked for its end, which comes with the answer that is awaited. */
  isStopping: boolean;
  /** What stays wrong. */
  problem: Problem | null;
}

/**
 * Work that goes on while other pages are shown, for as long as the same person is in the same tenant: what was begun in
 * one tenant must not end in another one.
 */
export class Job<State extends JobState> {
  #state: State;
  readonly #listeners = new Set<() => void>();
  readonly #stop = new AbortController();

  /** Begins with a state; `work` runs until it has brought the phase to another one than `running`. */
  constructor(state: State, work: (job: Job<State>) => Promise<void>) {
    this.#state = state;
    void this.#run(work);
  }

  get state(): State {
    return this.#state;
  }

  /** Aborted once the job is to end. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  update(change: Partial<State>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }

  stop = (): void => {
    if (this.#state.phase !== "running") return;
    this.#stop.abort();
    this.update({ isStopping: true } as Partial<State>);
  };

  async #run(work: (job: Job<State>) => Promise<void>): Promise<void> {
    const began = whoIsHere();
    const leave = session.subscribe(() => whoIsHere() !== began && this.stop());
    addEventListener("beforeunload", ask);
    try {
      await work(this);
    } catch (error) {
      this.update({ phase: "failed", problem: problemOfThrown(error) } as Partial<State>);
    } finally {
      leave();
      removeEventListener("beforeunload", ask);
    }
  }
}

/** Have the browser ask before it leaves a page whose work is not done. */
const ask = (event: BeforeUnloadEvent) => event.preventDefault();

/** Return who is logged in, in which tenant; or who was, where the login has ended by itself and can be renewed. */
function whoIsHere(): string | null {
  const { session: current, last } = session.state;
  const person = current?.kind === "person" ? current : last;
  return person && `${person.account}/${person.tenant ?? ""}`;
}

const kept = new WeakMap<Client, Map<string, unknown>>();

/** The job of a name, which is there again when its page is: of the same person in the same tenant, who has one client. */
export function useJob<Kept extends object>(name: string): [Kept | null, (job: Kept | null) => void] {
  const client = useClient();
  const [job, setJob] = useState(() => (kept.get(client)?.get(name) ?? null) as Kept | null);
  const keep = (next: Kept | null) => {
    const jobs = kept.get(client) ?? new Map<string, unknown>();
    kept.set(client, jobs.set(name, next));
    setJob(next);
  };
  return [job, keep];
}

const nothing = () => () => {};

/** Return whether there is a job that is not over. */
export const useIsRunning = (job: Job<JobState> | null): boolean =>
  useSyncExternalStore(job?.subscribe ?? nothing, () => job?.state.phase === "running");

export const useJobState = <State extends JobState>(job: Job<State>): State =>
  useSyncExternalStore(job.subscribe, () => job.state);
