import { useFormat } from "../../ui/format";
import { LONG_DAY, SHORT_DAY, type DayPoint } from "./days";

const HEIGHT = 180;
const LABELS_HEIGHT = 26;
const LEAST_HEIGHT = 2;
const TICKS = 4;
const LABEL_EVERY = 7;
const BAR_SHARE = 0.72;

interface Props {
  points: readonly DayPoint[];
  /** Writes a point's amount. */
  amountText: (amount: string) => string;
  /** Writes a value of the axis. */
  tickText: (value: number) => string;
  /** The id of what names the chart. */
  labelledBy: string;
  /** The id of what says in words what it shows. */
  describedBy: string;
}

/** Return round numbers at equal distances, from 0 to one that is no less than a value. */
function ticksUpTo(highest: number, hasFractions: boolean): number[] {
  const rough = highest / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const found = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough;
  const step = hasFractions ? found : Math.max(1, found);
  return Array.from({ length: Math.ceil(highest / step) + 1 }, (_, index) => index * step);
}

/** Bars by day. Widths are shares of the room there is, heights and texts are in pixels, so that no text is stretched. */
export function DayChart({ points, amountText, tickText, labelledBy, describedBy }: Props) {
  const { calendarDay } = useFormat();
  const highest = Math.max(...points.map(({ value }) => value));
  const ticks = ticksUpTo(highest, points.some(({ amount }) => amount.includes(".")));
  const top = ticks.at(-1) ?? highest;
  const heightOf = (value: number) => (value === 0 ? 0 : Math.max(LEAST_HEIGHT, (value / top) * HEIGHT));
  const percent = (index: number) => `${(index / points.length) * 100}%`;
  const placeOf = (index: number) =>
    index === points.length - 1
      ? ({ x: "100%", textAnchor: "end" } as const)
      : ({ x: percent(index + 0.5), textAnchor: "middle" } as const);
  return (
    <div className="day-chart">
      <div className="ticks" aria-hidden="true" style={{ blockSize: HEIGHT }}>
        {ticks.toReversed().map((value) => (
          <span key={value}>{tickText(value)}</span>
        ))}
      </div>
      <svg role="img" aria-labelledby={labelledBy} aria-describedby={describedBy} width="100%" height={HEIGHT + LABELS_HEIGHT}>
        {ticks.map((value) => {
          const y = HEIGHT - (value / top) * HEIGHT;
          return <line key={value} className="grid-line" x1="0" x2="100%" y1={y} y2={y} />;
        })}
        {points.map(({ day, value, amount }, index) => (
          <g key={day} className="day">
            <title>{`${calendarDay(day, LONG_DAY)}: ${amountText(amount)}`}</title>
            <rect className="column" x={percent(index)} width={percent(1)} y="0" height={HEIGHT} />
            <rect
              className="bar"
              x={percent(index + (1 - BAR_SHARE) / 2)}
              width={percent(BAR_SHARE)}
              y={HEIGHT - heightOf(value)}
              height={heightOf(value)}
            />
            {(points.length - 1 - index) % LABEL_EVERY === 0 && (
              <text {...placeOf(index)} y={HEIGHT + LABELS_HEIGHT - 6}>
                {calendarDay(day, SHORT_DAY)}
              </text>
            )}
          </g>
        ))}
      </svg>
    </div>
  );
}
