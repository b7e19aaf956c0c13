import { lazy, type ComponentType } from "react";
import { LoggedInPage } from "./pages/account/LoggedInPage";
import { HomePage } from "./pages/home/HomePage";

interface PageRoute {
  path: string;
  Page: ComponentType;
}

/** Pages that need no login. */
export const OPEN_PAGES: readonly PageRoute[] = [
  { path: "/forgot-password", Page: lazy(() => import("./pages/account/ForgotPasswordPage")) },
  { path: "/reset-password", Page: lazy(() => import("./pages/account/ResetPasswordPage")) },
  { path: "/verify-email", Page: lazy(() => import("./pages/account/VerifyEmailPage")) },
  { path: "/accept-invitation", Page: lazy(() => import("./pages/account/AcceptInvitationPage")) },
  { path: "/register", Page: lazy(() => import("./pages/account/RegisterPage")) },
];

/** Pages of the person alone, who need not have entered a tenant. */
export const ACCOUNT_PAGES: readonly PageRoute[] = [
  { path: "/tenants", Page: lazy(() => import("./pages/account/TenantsPage")) },
  { path: "/account", Page: lazy(() => import("./pages/account/AccountPage")) },
  { path: "/login", Page: LoggedInPage },
];

/** Pages within a tenant. */
export const TENANT_PAGES: readonly PageRoute[] = [
  { path: "/", Page: HomePage },
  { path: "/board", Page: lazy(() => import("./pages/board/BoardPage")) },
  { path: "/products", Page: lazy(() => import("./pages/products/ProductsPage")) },
  { path: "/orders", Page: lazy(() => import("./pages/orders/OrdersPage")) },
  { path: "/orders/new", Page: lazy(() => import("./pages/orders/NewOrderPage")) },
  { path: "/orders/:id", Page: lazy(() => import("./pages/orders/OrderPage")) },
  { path: "/articles", Page: lazy(() => import("./pages/articles/ArticlesPage")) },
  { path: "/articles/new", Page: lazy(() => import("./pages/articles/NewArticlePage")) },
  { path: "/articles/:id", Page: lazy(() => import("./pages/articles/ArticlePage")) },
  { path: "/documents", Page: lazy(() => import("./pages/documents/DocumentsPage")) },
  { path: "/documents/trash", Page: lazy(() => import("./pages/documents/TrashPage")) },
  { path: "/documents/:id", Page: lazy(() => import("./pages/documents/DocumentPage")) },
  { path: "/members", Page: lazy(() => import("./pages/members/MembersPage")) },
  { path: "/members/invitations", Page: lazy(() => import("./pages/members/InvitationsPage")) },
  { path: "/audit", Page: lazy(() => import("./pages/audit/AuditPage")) },
  { path: "/exchange", Page: lazy(() => import("./pages/exchange/ExchangePage")) },
  { path: "/members/keys", Page: lazy(() => import("./pages/members/ApiKeysPage")) },
];
