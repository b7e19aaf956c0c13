import { useId, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { OrderNowFragment } from "../../gql/graphql";
import { useFormat } from "../../ui/format";

type Event = OrderNowFragment["events"]["nodes"][number];

interface Props {
  events: readonly Event[];
  /** Index of the event at which the order is shown; the last one is now. */
  position: number;
  onChoose: (position: number) => void;
}

/** What happened to an order, and a slider over it. */
export function OrderTimeline({ events, position, onChoose }: Props) {
  const { t } = useTranslation("orders");
  const format = useFormat();
  const id = useId();
  const slider = useRef<HTMLInputElement>(null);
  const last = events.length - 1;
  const isNow = position === last;
  const describe = ({ type, createdAt }: Event) => `${t(`event.${type}`)}, ${format.moment(createdAt)}`;
  const shown = events[position];
  const latest = events[last];
  if (!shown || !latest) return null;
  return (
    <section className="card timeline" aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>{t("timeline")}</h2>
      <div className={isNow ? "moment now" : "moment"}>
        <p role="status">{isNow ? t("now") : t("then", { moment: format.moment(shown.createdAt) })}</p>
        <button
          type="button"
          disabled={isNow}
          onClick={() => {
            onChoose(last);
            slider.current?.focus(); // the button goes
          }}
        >
          {t("backToNow")}
        </button>
      </div>
      <label htmlFor={`${id}-slider`}>{t("slider")}</label>
      <input
        ref={slider}
        id={`${id}-slider`}
        type="range"
        min={0}
        max={last}
        step={1}
        value={position}
        disabled={last === 0}
        aria-valuetext={isNow ? `${describe(shown)}: ${t("now")}` : describe(shown)}
        onChange={(event) => onChoose(Number(event.target.value))}
      />
      <p className="ends soft" aria-hidden="true">
        <span>{t("event.PLACED")}</span>
        <span>{t("nowShort")}</span>
      </p>
      <ol>
        {events.map((event, index) => (
          <li key={event.id} className={stateOf(index, position)} aria-current={index === position ? "step" : undefined}>
            <button
              type="button"
              className="quiet"
              aria-label={t("showThen", { event: describe(event) })}
              onClick={() => onChoose(index)}
            >
              {t(`event.${event.type}`)}
            </button>
            <time dateTime={event.createdAt}>{format.moment(event.createdAt)}</time>
            <span className="soft">
              {event.actor?.fullName ?? t("nobody")}
              {event.viaApiKey && ` · ${t("viaApiKey")}`}
            </span>
            {event.reason && <q>{event.reason}</q>}
          </li>
        ))}
      </ol>
      <p role="status" className="visually-hidden">
        {t("latest", { event: describe(latest) })}
      </p>
    </section>
  );
}

function stateOf(index: number, position: number): string {
  if (index === position) return "shown";
  return index < position ? "before" : "after";
}
