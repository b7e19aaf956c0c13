import { lazy, type ComponentType } from "react";
import { HomePage } from "./pages/home/HomePage";

interface PageRoute {
  path: string;
  Page: ComponentType;
}

/** Pages that need no login. */
export const OPEN_PAGES: readonly PageRoute[] = [];

/** Pages of the person alone, who need not have entered a tenant. */
export const ACCOUNT_PAGES: readonly PageRoute[] = [
  { path: "/tenants", Page: lazy(() => import("./pages/account/TenantsPage")) },
];

/** Pages within a tenant. */
export const TENANT_PAGES: readonly PageRoute[] = [
  { path: "/", Page: HomePage },
  { path: "/board", Page: lazy(() => import("./pages/board/BoardPage")) },
];
