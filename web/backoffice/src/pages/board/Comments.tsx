import { useEffect, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "urql";
import type { TaskCommentFragment, TaskDetailsFragment } from "../../gql/graphql";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { problemOfAnswer, problemOfError, type Problem } from "../../ui/problem";
import { useSubmit } from "../../ui/useSubmit";
import { TextAreaField } from "../../ui/TextAreaField";
import { newKey } from "../../ui/newKey";
import { Comment } from "./Comment";
import { COMMENT_CHANGES, CREATE_COMMENT, MORE_COMMENTS } from "./operations";

interface Props {
  taskId: string;
  first: TaskDetailsFragment["comments"];
  feedCursor: string;
}

/** Comments on a task, the newest first, with those of others as they are written. */
export function Comments({ taskId, first, feedCursor }: Props) {
  const { t } = useTranslation("board");
  const id = useId();
  const client = useClient();
  const [comments, setComments] = useState<readonly TaskCommentFragment[]>(first.nodes);
  const [pageInfo, setPageInfo] = useState(first.pageInfo);
  const [problem, setProblem] = useState<Problem | null>(null);

  const put = (comment: TaskCommentFragment) => setComments((before) => merge(before, [comment]));
  const drop = (gone: string) => setComments((before) => before.filter((each) => each.id !== gone));
  useEffect(() => {
    const live = client.subscription(COMMENT_CHANGES, { after: feedCursor });
    const following = live.subscribe(({ data }) => {
      if (!data) return;
      const { commentId, comment } = data.commentChanged;
      if (!comment) setComments((before) => before.filter((each) => each.id !== commentId));
      else if (comment.task.id === taskId) setComments((before) => merge(before, [comment]));
    });
    return () => following.unsubscribe();
  }, [client, feedCursor, taskId]);

  const loadMore = async () => {
    const variables = { id: taskId, after: pageInfo.endCursor };
    const { data, error } = await client.query(MORE_COMMENTS, variables, { requestPolicy: "network-only" });
    setProblem(problemOfError(error));
    const page = data?.task?.comments;
    if (!page) return;
    setComments((before) => merge(before, page.nodes));
    setPageInfo(page.pageInfo);
  };

  return (
    <section className="comments" aria-labelledby={id}>
      <h3 id={id}>{t("comments.title")}</h3>
      <NewComment taskId={taskId} onCreated={put} />
      <ul aria-live="polite">
        {comments.map((comment) => (
          <Comment key={comment.id} comment={comment} onChanged={put} onDeleted={() => drop(comment.id)} />
        ))}
      </ul>
      {comments.length === 0 && <p className="soft">{t("comments.none")}</p>}
      <ProblemNotice problem={problem} />
      {pageInfo.hasNextPage && (
        <button type="button" onClick={() => void loadMore()}>
          {t("comments.more")}
        </button>
      )}
    </section>
  );
}

/** Return the comments with others put among them, each as its newest version, the newest comment first. */
function merge(comments: readonly TaskCommentFragment[], others: readonly TaskCommentFragment[]): TaskCommentFragment[] {
  const all = new Map(comments.map((comment) => [comment.id, comment]));
  for (const other of others) if (other.version >= (all.get(other.id)?.version ?? 0)) all.set(other.id, other);
  return [...all.values()].sort((one, other) => (one.createdAt < other.createdAt ? 1 : -1));
}

function NewComment({ taskId, onCreated }: { taskId: string; onCreated: (comment: TaskCommentFragment) => void }) {
  const { t } = useTranslation("board");
  const client = useClient();
  const [body, setBody] = useState("");
  const [key, setKey] = useState(() => newKey());
  const { submit, problem, isBusy } = useSubmit(async () => {
    const { data, error } = await client.mutation(CREATE_COMMENT, { input: { taskId, body, idempotencyKey: key } });
    if (data?.createComment.__typename !== "Comment") return problemOfAnswer(data?.createComment) ?? problemOfError(error);
    onCreated(data.createComment);
    setBody("");
    setKey(newKey());
    return null;
  });
  const change = (text: string) => {
    setBody(text);
    setKey(newKey()); // another text is another comment
  };
  return (
    <form onSubmit={submit} aria-busy={isBusy}>
      <ProblemNotice problem={problem} beside={["body"]} />
      <TextAreaField label={t("comments.write")} name="body" rows={2} value={body} required problem={problem} onChange={(event) => change(event.target.value)} />
      <button type="submit" disabled={isBusy || body.trim() === ""}>
        {t("comments.send")}
      </button>
    </form>
  );
}
