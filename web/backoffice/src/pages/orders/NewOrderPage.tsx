import { useTranslation } from "react-i18next";
import { useQuery } from "urql";
import { Shell } from "../../shell/Shell";
import { ProblemNotice } from "../../ui/ProblemNotice";
import { problemOfError } from "../../ui/problem";
import { NEW_ORDER } from "./documents";
import { OrderForm } from "./OrderForm";
import "./orders.css";

/** Place an order. */
export default function NewOrderPage() {
  const { t } = useTranslation("orders");
  const [{ data, error }] = useQuery({ query: NEW_ORDER });
  return (
    <Shell data={data} title={t("new")}>
      <ProblemNotice problem={problemOfError(error)} />
      {data?.viewer?.permissions.includes("ORDERS_PLACE") && <OrderForm />}
    </Shell>
  );
}
