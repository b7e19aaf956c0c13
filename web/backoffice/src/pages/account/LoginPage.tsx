import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import type { DemoPerson } from "../../../../shared/config";
import { useConfig } from "../../configuration";
import { session } from "../../session";
import { PlainPage } from "../../shell/PlainPage";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { problemOfThrown, type Problem } from "../../ui/problem";
import { LoginForm } from "./LoginForm";
import "./account.css";

/** Stands in place of every page for whoever is not logged in, so that the address is where the login leads to. */
export function LoginPage() {
  const { t } = useTranslation("account");
  return (
    <PlainPage title={t("logIn")}>
      <LoginForm />
      <p className="row below">
        <Link href="/forgot-password">{t("forgotten")}</Link>
        <Link href="/register">{t("register")}</Link>
      </p>
      <DemoLogins />
    </PlainPage>
  );
}

function DemoLogins() {
  const { t } = useTranslation("account");
  const { demo } = useConfig();
  const [problem, setProblem] = useState<Problem | null>(null);
  if (!demo) return null;
  const enter = ({ email, tenant }: DemoPerson) => {
    session.logIn(email, demo.password, tenant).catch((error: unknown) => setProblem(problemOfThrown(error)));
  };
  return (
    <section aria-labelledby="demo">
      <h2 id="demo">{t("demo")}</h2>
      <ProblemNotice problem={problem} />
      <div className="row">
        {demo.people.map((person) => (
          <button key={person.email} type="button" title={person.email} onClick={() => enter(person)}>
            {person.label}
          </button>
        ))}
      </div>
    </section>
  );
}
