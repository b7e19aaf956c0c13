import { useId } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../../ui/format";
import { useJobState, type Job, type JobState } from "./Job";
import { useLostFocus } from "./useLostFocus";

interface Props {
  job: Job<JobState>;
  label: string;
  done: number;
  /** Null as long as nobody knows. */
  total: number | null;
}

/** How far a job has come, what it waits for, and what stops it. */
export function JobProgress({ job, label, done, total }: Props) {
  const { t } = useTranslation("exchange");
  const { number } = useFormat();
  const { notice, isStopping } = useJobState(job);
  const button = useLostFocus<HTMLButtonElement>(); // from the one that has started it
  const id = useId();
  return (
    <div className="progress">
      <label htmlFor={id}>{label}</label>
      <progress id={id} value={total === null ? undefined : done} max={total ?? undefined} />
      <span className="soft">{total !== null && t("progress", { done: number(done), total: number(total) })}</span>
      <button ref={button} type="button" aria-disabled={isStopping} onClick={job.stop}>
        {t("cancel")}
      </button>
      <div role="status">
        {isStopping ? <p>{t("stopping")}</p> : notice && <p className="notice">{t(`notice.${notice}`)}</p>}
      </div>
    </div>
  );
}
