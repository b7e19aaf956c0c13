import { useTranslation } from "react-i18next";
import type { ArticleLanguage } from "../../gql/graphql";
import type { Problem } from "../../ui/problem";
import { SelectField } from "../../ui/SelectField";
import { TextAreaField } from "../../ui/TextAreaField";
import { TextField } from "../../ui/TextField";
import { useLanguages, languageCode } from "./languages";

export interface ArticleValues {
  title: string;
  content: string;
  language: ArticleLanguage;
}

interface Props {
  values: ArticleValues;
  problem: Problem | null;
  isReadOnly?: boolean;
  onEdit: (change: Partial<ArticleValues>) => void;
}

const LONGEST_TITLE = 200;
const LONGEST_CONTENT = 100_000;

/** What an article says, and in which language. */
export function ArticleFields({ values, problem, isReadOnly = false, onEdit }: Props) {
  const { t } = useTranslation("articles");
  const { languages, nameOf } = useLanguages();
  return (
    <>
      <TextField
        label={t("field.title")}
        name="title"
        value={values.title}
        problem={problem}
        maxLength={LONGEST_TITLE}
        readOnly={isReadOnly}
        required
        onChange={(event) => onEdit({ title: event.target.value })}
      />
      <SelectField
        label={t("field.language")}
        value={values.language}
        choices={languages.map((language) => ({ id: language, name: nameOf(language) }))}
        isDisabled={isReadOnly}
        onChange={(language) => onEdit({ language: language as ArticleLanguage })}
      />
      <TextAreaField
        label={t("field.content")}
        name="content"
        problem={problem}
        lang={languageCode(values.language)}
        value={values.content}
        rows={20}
        maxLength={LONGEST_CONTENT}
        readOnly={isReadOnly}
        onChange={(event) => onEdit({ content: event.target.value })}
      />
    </>
  );
}
