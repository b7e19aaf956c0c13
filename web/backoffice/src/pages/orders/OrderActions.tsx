import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient, type Client } from "urql";
import { useLocation } from "wouter";
import type { OrderNowFragment, OrderStatus } from "../../gql/graphql";
import { Dialog } from "../../ui/Dialog";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { TextField } from "../../ui/TextField";
import { problemOfAnswer, problemOfError, type Problem } from "../../ui/problem";
import { useSubmit } from "../../ui/useSubmit";
import { CANCEL, CONFIRM, DELETE, DELIVER, SHIP } from "./documents";

const ACTIONS = ["confirm", "ship", "deliver", "cancel", "delete"] as const;
type Action = (typeof ACTIONS)[number];

/** What is asked about first, and takes a reason. */
const ASKED: readonly Action[] = ["cancel", "delete"];

/** How long the buttons rest after an answer: a double click must not take the next step as well. */
const REST_MILLISECONDS = 500;

interface Refusal {
  status: OrderStatus;
  allowed: readonly OrderStatus[];
  /** In the server's words, where the status alone does not say why. */
  message: string | null;
}

async function send(client: Client, action: Action, id: string, reason: string | null) {
  const variables = { input: { id, reason } };
  switch (action) {
    case "confirm":
      return client.mutation(CONFIRM, variables).toPromise();
    case "ship":
      return client.mutation(SHIP, variables).toPromise();
    case "deliver":
      return client.mutation(DELIVER, variables).toPromise();
    case "cancel":
      return client.mutation(CANCEL, variables).toPromise();
    case "delete":
      return client.mutation(DELETE, variables).toPromise();
  }
}

/** The buttons of what the viewer may do with an order. It is sent without a version: its status alone decides. */
export function OrderActions({ order, onOutdated }: { order: OrderNowFragment; onOutdated: () => void }) {
  const { t } = useTranslation("orders");
  const client = useClient();
  const [, navigate] = useLocation();
  const [asked, setAsked] = useState<Action | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const [isBusy, setBusy] = useState(false);
  const section = useRef<HTMLElement>(null);
  const rest = () => {
    setTimeout(() => {
      setBusy(false);
      if (document.activeElement === document.body) section.current?.focus(); // the button that had it is gone
    }, REST_MILLISECONDS);
  };
  const run = async (action: Action, reason: string | null): Promise<Problem | null> => {
    setBusy(true);
    setProblem(null);
    setRefusal(null);
    const { data, error } = await send(client, action, order.id, reason);
    rest();
    const result = data?.result;
    if (result?.__typename === "InvalidInput") return problemOfAnswer(result); // beside the reason
    setAsked(null);
    if (result?.__typename === "IllegalTransition" && result.currentStatus) {
      const status = result.currentStatus as OrderStatus;
      const isKnown = status === order.status;
      setRefusal({ status, allowed: result.allowed as OrderStatus[], message: isKnown ? result.message : null });
      onOutdated();
    } else {
      setProblem(problemOfError(error) ?? problemOfAnswer(result));
      if (result?.__typename === "NotFound") onOutdated();
    }
    if (result?.__typename === "Order" && action === "delete") navigate("/orders");
    return null;
  };
  const possible = ACTIONS.filter((action) => order.viewerCan[action]);
  return (
    <section ref={section} aria-label={t("actions")} className="actions" tabIndex={-1}>
      <ProblemNotice problem={problem} />
      <div role="alert" className="problem">
        {refusal && (
          <p>
            {t("refused", { status: t(`status.${refusal.status}`) })}{" "}
            {refusal.allowed.length > 0
              ? t("allowed", { statuses: refusal.allowed.map((status) => t(`status.${status}`)).join(", ") })
              : t("allowedNothing")}
          </p>
        )}
        {refusal?.message && <p lang="en">{refusal.message}</p>}
      </div>
      {possible.length > 0 && (
        <div className="row">
          {possible.map((action) => (
            <button
              key={action}
              type="button"
              className={ASKED.includes(action) ? "danger" : "primary"}
              disabled={isBusy}
              onClick={() => (ASKED.includes(action) ? setAsked(action) : void run(action, null))}
            >
              {t(`action.${action}`)}
            </button>
          ))}
        </div>
      )}
      {asked && (
        <Dialog title={t(`ask.${asked as "cancel"}`, { number: order.number })} onClose={() => setAsked(null)}>
          <ReasonForm action={asked} onSend={(reason) => run(asked, reason)} />
        </Dialog>
      )}
    </section>
  );
}

interface ReasonProps {
  action: Action;
  onSend: (reason: string | null) => Promise<Problem | null>;
}

function ReasonForm({ action, onSend }: ReasonProps) {
  const { t } = useTranslation("orders");
  const { submit, problem, isBusy } = useSubmit(({ reason }) => onSend(reason ? reason : null));
  return (
    <form onSubmit={submit} aria-busy={isBusy}>
      <ProblemNotice problem={problem} beside={["reason"]} />
      <TextField label={t("reason")} name="reason" problem={problem} hint={t("reasonHint")} />
      <button type="submit" className="danger" disabled={isBusy}>
        {t(`action.${action}`)}
      </button>
    </form>
  );
}
