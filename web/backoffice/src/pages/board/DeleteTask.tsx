import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "urql";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { problemOfAnswer, problemOfError, type Problem } from "../../ui/problem";
import { DELETE_TASK } from "./operations";

/** Deletes a task, once it has been asked whether that is meant. */
export function DeleteTask({ id, onDeleted }: { id: string; onDeleted: () => void }) {
  const { t } = useTranslation("board");
  const client = useClient();
  const [isAsking, setAsking] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const remove = async () => {
    const { data, error } = await client.mutation(DELETE_TASK, { id });
    if (data?.deleteTask.__typename === "Task") onDeleted();
    else setProblem(problemOfAnswer(data?.deleteTask) ?? problemOfError(error));
  };
  if (!isAsking) {
    return (
      <button type="button" className="danger delete" onClick={() => setAsking(true)}>
        {t("delete.open")}
      </button>
    );
  }
  return (
    <div className="question" role="alert">
      <ProblemNotice problem={problem} />
      <p>{t("delete.question")}</p>
      <div className="row">
        <button type="button" className="danger" onClick={() => void remove()}>
          {t("delete.yes")}
        </button>
        <button type="button" autoFocus onClick={() => setAsking(false)}>
          {t("delete.no")}
        </button>
      </div>
    </div>
  );
}
