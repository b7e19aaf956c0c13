import { useId } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import type { AuditPageQuery, AuditRowFragment } from "../../gql/graphql";
import { Moment } from "../../ui/Moment";
import { describeUserAgent } from "../account/userAgent";
import { Changes } from "./Changes";

interface Props {
  entry: AuditRowFragment;
  people: AuditPageQuery["users"]["nodes"];
}

/** One change: of what, by whom, when and from where, and what it did to each field. */
export function AuditEntry({ entry, people }: Props) {
  const { t } = useTranslation("audit");
  const id = useId();
  const { table, rowId, action, operation, createdAt, actor, viaApiKey, apiKey, ip, userAgent, requestId } = entry;
  const name = nameOf(entry);
  const path = pathOf(entry);
  const sources = [
    [t("operation"), operation],
    [t("ip"), ip],
    [t("userAgent"), describeUserAgent(userAgent ?? null)],
    [t("requestId"), requestId],
  ] as const;
  return (
    <li className="card" aria-labelledby={id} data-entry={entry.id}>
      <header className="row spread">
        <h2 id={id}>
          <span className="badge">{t(`actions.${action}`)}</span> {t(`types.${table}`)}{" "}
          {path ? <Link href={path}>{name ?? rowId}</Link> : name && <span>{name}</span>}
        </h2>
        <span className="soft">
          {actor ? <Link href={`/audit?actor=${encodeURIComponent(actor.id)}`}>{actor.fullName}</Link> : t("nobody")}
          {viaApiKey && ` ${apiKey ? t("withKey", { name: apiKey.name }) : t("withSomeKey")}`}
          {" · "}
          <Moment at={createdAt} />
        </span>
      </header>
      <Changes entry={entry} people={people} />
      <footer className="row">
        {sources.map(([label, text]) =>
          text ? (
            <span key={label}>
              {label}: <code>{text}</code>
            </span>
          ) : null,
        )}
        <Link href={`/audit?object=${encodeURIComponent(rowId)}`}>
          {t("onlyThis")}
          <span className="visually-hidden"> {name ?? rowId}</span>
        </Link>
      </footer>
    </li>
  );
}

/** Return what the object is called now, or was when it was deleted. */
function nameOf({ node, changes }: AuditRowFragment): string | null {
  switch (node?.__typename) {
    case "Article":
    case "Document":
    case "Task":
      return node.title;
    case "Order":
      return `#${node.number}`;
    case "OrderItem":
      return `${node.product.name}${node.order ? ` (#${node.order.number})` : ""}`;
    case "User":
      return node.fullName;
    case "Invitation":
      return node.email ?? null;
    case "ApiKey":
    case "Label":
    case "Product":
    case "Project":
    case "Tenant":
      return node.name;
  }
  for (const field of ["title", "name", "fullName", "email"]) {
    const change = changes.find((each) => each.field === field);
    const value = change?.after ?? change?.before;
    if (typeof value === "string") return value;
  }
  return null;
}

/** Return the page of the object, if it is there and has one. */
function pathOf({ node }: AuditRowFragment): string | null {
  const id = encodeURIComponent(node?.id ?? "");
  switch (node?.__typename) {
    case "Document":
      return `/documents/${id}`;
    case "Article":
      return `/articles/${id}`;
    case "Task":
      return `/board?task=${id}`;
    case "Order":
      return `/orders/${id}`;
    case "OrderItem":
      return node.order ? `/orders/${encodeURIComponent(node.order.id)}` : null;
    default:
      return null;
  }
}
