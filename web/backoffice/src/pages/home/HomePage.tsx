import { useTranslation } from "react-i18next";
import { useQuery } from "urql";
import { graphql } from "../../gql";
import { Shell } from "../../shell/Shell";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { problemOfError } from "../../ui/problem";

const HOME = graphql(`
  query HomePage {
    ...Shell
  }
`);

/** Where a login leads to. */
export function HomePage() {
  const { t } = useTranslation();
  const [{ data, error }] = useQuery({ query: HOME });
  return (
    <Shell data={data} title={t("home.title")}>
      <ProblemNotice problem={problemOfError(error)} />
      {data && <p>{t("home.welcome", { name: data.viewer?.fullName })}</p>}
    </Shell>
  );
}
