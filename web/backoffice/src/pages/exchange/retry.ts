import type { Answer } from "./requests";
import type { Job, JobState } from "./Job";

/** Codes after which the same request, under the same key, may well succeed. */
const RETRIED: ReadonlySet<string> = new Set(["OFFLINE", "RATE_LIMITED", "SERVICE_UNAVAILABLE", "TIMEOUT", "UNAUTHENTICATED"]);
const LONGEST_PAUSE_SECONDS = 5;

/** Ask again until there is an answer that stays the same, or somebody stops the job; waits as long as the server says. */
export async function retry<Value>(job: Job<JobState>, ask: () => Promise<Answer<Value>>): Promise<Answer<Value>> {
  for (let tries = 0; ; tries++) {
    const answer = await ask();
    const isLost = job.state.notice === "lost";
    if (!("problem" in answer) || !RETRIED.has(answer.problem.code)) {
      if (isLost) job.update({ notice: null });
      return answer;
    }
    const { code, retryAfter } = answer.problem;
    job.update({ notice: code === "RATE_LIMITED" ? "limited" : "lost" });
    await pause(retryAfter ?? Math.min(2 ** tries, LONGEST_PAUSE_SECONDS), job.signal);
    if (job.signal.aborted) return answer;
  }
}

/** Wait for some seconds, or until the signal is given. */
async function pause(seconds: number, signal: AbortSignal): Promise<void> {
  const isOver = AbortSignal.any([signal, AbortSignal.timeout(1000 * seconds)]);
  if (isOver.aborted) return;
  await new Promise((done) => isOver.addEventListener("abort", done, { once: true }));
}
