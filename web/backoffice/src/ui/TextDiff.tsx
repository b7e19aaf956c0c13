import { diffLines, diffWordsWithSpace } from "diff";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";

const MOST_CHARACTERS_BY_WORDS = 10_000;

/** Two texts as one: what only the older has is struck out, what only the newer has is underlined. */
export function TextDiff({ before, after }: { before: string; after: string }) {
  const { t } = useTranslation();
  const parts = useMemo(() => {
    const isLong = before.length + after.length > MOST_CHARACTERS_BY_WORDS;
    return isLong ? diffLines(before, after) : diffWordsWithSpace(before, after);
  }, [before, after]);
  return (
    <div className="diff">
      {parts.map(({ added, removed, value }, index) => {
        if (added) return <Part key={index} Tag="ins" label={t("diff.added")} text={value} />;
        if (removed) return <Part key={index} Tag="del" label={t("diff.removed")} text={value} />;
        return <span key={index}>{value}</span>;
      })}
    </div>
  );
}

function Part({ Tag, label, text }: { Tag: "ins" | "del"; label: string; text: string }) {
  return (
    <Tag>
      <span className="visually-hidden">{label}: </span>
      {text}
    </Tag>
  );
}
