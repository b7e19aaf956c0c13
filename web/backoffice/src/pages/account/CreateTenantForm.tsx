import { useState } from "react";
import { useTranslation } from "react-i18next";
import { graphql } from "../../gql";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { TextField } from "../../ui/TextField";
import { useChange } from "../../ui/useChange";
import { useSubmit } from "../../ui/useSubmit";

const CREATE = graphql(`
  mutation CreateTenant($input: CreateTenantInput!) {
    createTenant(input: $input) {
      __typename
      ... on Tenant { id slug }
      ... on InvalidInput { fields { path message } }
      ... on Error { code message }
    }
  }
`);

/** Makes a tenant, whose owner is whoever makes it. Its short name follows the name until somebody types one. */
export function CreateTenantForm({ onCreated }: { onCreated: (slug: string) => Promise<void> }) {
  const { t } = useTranslation("account");
  const [name, setName] = useState("");
  const [typedSlug, setSlug] = useState<string | null>(null);
  const create = useChange(CREATE);
  const { submit, problem, isBusy } = useSubmit(async ({ slug = "" }) => {
    const { answer, problem: found } = await create({ input: { name, slug } });
    if (answer?.__typename === "Tenant") await onCreated(answer.slug);
    return found;
  });
  return (
    <section>
      <details>
        <summary>{t("createTenant.title")}</summary>
        <form onSubmit={submit} aria-busy={isBusy}>
          <ProblemNotice problem={problem} beside={["name", "slug"]} />
          <TextField
            label={t("createTenant.name")}
            name="name"
            autoComplete="organization"
            maxLength={100}
            value={name}
            onChange={(event) => setName(event.target.value)}
            problem={problem}
            required
          />
          <TextField
            label={t("createTenant.slug")}
            name="slug"
            hint={t("createTenant.slugRules")}
            maxLength={50}
            value={typedSlug ?? slugOf(name)}
            onChange={(event) => setSlug(event.target.value)}
            problem={problem}
            required
          />
          <button type="submit" className="primary" disabled={isBusy}>
            {t("createTenant.create")}
          </button>
        </form>
      </details>
    </section>
  );
}

const slugOf = (name: string) =>
  name
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 50)
    .replace(/^-|-$/g, "");
