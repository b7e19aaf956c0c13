import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "urql";
import type { TaskCommentFragment } from "../../gql/graphql";
import { useFormat } from "../../ui/format";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { problemOfAnswer, problemOfError, type Problem } from "../../ui/problem";
import { TextAreaField } from "../../ui/TextAreaField";
import { ConflictTable } from "../../ui/ConflictTable";
import { DELETE_COMMENT, UPDATE_COMMENT } from "./operations";

interface Props {
  comment: TaskCommentFragment;
  onChanged: (comment: TaskCommentFragment) => void;
  onDeleted: () => void;
}

/** A comment; whoever may, changes or deletes it where it stands. */
export function Comment({ comment, onChanged, onDeleted }: Props) {
  const { t } = useTranslation("board");
  const { moment } = useFormat();
  const client = useClient();
  const [doing, setDoing] = useState<"edit" | "delete" | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const { author, createdAt, updatedAt, viewerCan } = comment;
  const remove = async () => {
    const { data, error } = await client.mutation(DELETE_COMMENT, { id: comment.id });
    if (data?.deleteComment.__typename === "Comment") onDeleted();
    else setProblem(problemOfAnswer(data?.deleteComment) ?? problemOfError(error));
  };
  return (
    <li className="comment">
      <p className="by">
        <strong>{author.fullName}</strong>{" "}
        <span className="soft">
          <time dateTime={createdAt}>{moment(createdAt)}</time>
          {updatedAt !== createdAt && ` · ${t("comments.edited")}`}
        </span>
      </p>
      <ProblemNotice problem={problem} />
      {doing === "edit" ? (
        <CommentForm
          comment={comment}
          onClose={() => setDoing(null)}
          onChanged={(changed) => {
            onChanged(changed);
            setDoing(null);
          }}
        />
      ) : (
        <p className="body">{comment.body}</p>
      )}
      {doing === "delete" && (
        <div className="question" role="alert">
          <p>{t("comments.question")}</p>
          <div className="row">
            <button type="button" className="danger" onClick={() => void remove()}>
              {t("delete.yes")}
            </button>
            <button type="button" autoFocus onClick={() => setDoing(null)}>
              {t("delete.no")}
            </button>
          </div>
        </div>
      )}
      {doing === null && (
        <div className="row">
          {viewerCan.update && (
            <button type="button" className="quiet small" onClick={() => setDoing("edit")}>
              {t("comments.edit")}
            </button>
          )}
          {viewerCan.delete && (
            <button type="button" className="quiet small" onClick={() => setDoing("delete")}>
              {t("comments.delete")}
            </button>
          )}
        </div>
      )}
    </li>
  );
}

interface FormProps {
  comment: TaskCommentFragment;
  onChanged: (comment: TaskCommentFragment) => void;
  onClose: () => void;
}

function CommentForm({ comment, onChanged, onClose }: FormProps) {
  const { t } = useTranslation("board");
  const client = useClient();
  const [base] = useState(comment);
  const [body, setBody] = useState(comment.body);
  const [theirs, setTheirs] = useState<TaskCommentFragment | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const save = async (expectedVersion: number) => {
    setProblem(null);
    const { data, error } = await client.mutation(UPDATE_COMMENT, { input: { id: comment.id, body, expectedVersion } });
    const answer = data?.updateComment;
    if (answer?.__typename === "Comment") onChanged(answer);
    else if (answer?.__typename === "VersionConflict" && answer.current?.__typename === "Comment") setTheirs(answer.current);
    else setProblem(problemOfAnswer(answer) ?? problemOfError(error));
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void save(base.version);
      }}
    >
      <ProblemNotice problem={problem} beside={["body"]} />
      {theirs && (
        <ConflictTable
          title={t("conflict.comment")}
          differences={[{ name: t("comments.text"), mine: body, theirs: theirs.body }]}
          onMine={() => void save(theirs.version)}
          onTheirs={() => onChanged(theirs)}
        />
      )}
      <TextAreaField label={t("comments.text")} name="body" rows={3} value={body} required autoFocus problem={problem} onChange={(event) => setBody(event.target.value)} />
      <div className="row">
        <button type="submit" className="primary">
          {t("task.save")}
        </button>
        <button type="button" className="quiet" onClick={onClose}>
          {t("comments.cancel")}
        </button>
      </div>
    </form>
  );
}
