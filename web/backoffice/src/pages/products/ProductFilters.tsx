import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "wouter";
import type { ProductFilter } from "../../gql/graphql";
import { useFilterParams } from "../../ui/useFilterParams";
import { LOW } from "./low";

/** Return the filter that the address names. */
export function useProductFilter(): ProductFilter {
  const [params] = useSearchParams();
  const text = params.get("text")?.trim();
  const active = params.get("active");
  return {
    ...(text && { or: [{ name: { contains: text } }, { sku: { contains: text } }] }),
    ...(active && { isActive: { eq: active === "yes" } }),
    ...(params.get("low") && { stockQuantity: { lte: LOW } }),
  };
}

export function ProductFilters({ children }: { children: ReactNode }) {
  const { t } = useTranslation("products");
  const [params, setParam] = useFilterParams();
  return (
    <search className="row filters">
      <label className="inline">
        <span>{t("search")}</span>
        <input type="search" value={params.get("text") ?? ""} onChange={(event) => setParam("text", event.target.value)} />
      </label>
      <label className="inline">
        <span>{t("forSale")}</span>
        <select value={params.get("active") ?? ""} onChange={(event) => setParam("active", event.target.value)}>
          <option value="">{t("all")}</option>
          <option value="yes">{t("active")}</option>
          <option value="no">{t("inactive")}</option>
        </select>
      </label>
      <label className="check">
        <input type="checkbox" checked={params.has("low")} onChange={(event) => setParam("low", event.target.checked ? "yes" : "")} />
        <span>{t("lowOnly", { count: LOW })}</span>
      </label>
      {children}
    </search>
  );
}
