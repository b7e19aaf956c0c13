import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import deAccount from "./messages/de/account.json";
import deArticles from "./messages/de/articles.json";
import deAudit from "./messages/de/audit.json";
import deBoard from "./messages/de/board.json";
import deCommon from "./messages/de/common.json";
import deDashboard from "./messages/de/dashboard.json";
import deDocuments from "./messages/de/documents.json";
import deErrors from "./messages/de/errors.json";
import deExchange from "./messages/de/exchange.json";
import deMembers from "./messages/de/members.json";
import deOrders from "./messages/de/orders.json";
import deProducts from "./messages/de/products.json";
import enAccount from "./messages/en/account.json";
import enArticles from "./messages/en/articles.json";
import enAudit from "./messages/en/audit.json";
import enBoard from "./messages/en/board.json";
import enCommon from "./messages/en/common.json";
import enDashboard from "./messages/en/dashboard.json";
import enDocuments from "./messages/en/documents.json";
import enErrors from "./messages/en/errors.json";
import enExchange from "./messages/en/exchange.json";
import enMembers from "./messages/en/members.json";
import enOrders from "./messages/en/orders.json";
import enProducts from "./messages/en/products.json";

/** Languages, each named in itself. A page's messages are a file of its name in each of them. */
export const LANGUAGES = { en: "English", de: "Deutsch" } as const;
export type Language = keyof typeof LANGUAGES;

const resources = {
  en: {
    account: enAccount,
    articles: enArticles,
    audit: enAudit,
    board: enBoard,
    common: enCommon,
    dashboard: enDashboard,
    documents: enDocuments,
    errors: enErrors,
    exchange: enExchange,
    members: enMembers,
    orders: enOrders,
    products: enProducts,
  },
  de: {
    account: deAccount,
    articles: deArticles,
    audit: deAudit,
    board: deBoard,
    common: deCommon,
    dashboard: deDashboard,
    documents: deDocuments,
    errors: deErrors,
    exchange: deExchange,
    members: deMembers,
    orders: deOrders,
    products: deProducts,
  },
};

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "common";
    resources: (typeof resources)["en"];
  }
}

const KEY = "atrium-app-language";

function preferred(): Language {
  const wanted = [localStorage.getItem(KEY), ...navigator.languages].map((tag) => tag?.slice(0, 2).toLowerCase());
  return (wanted.find((tag) => tag !== undefined && tag in LANGUAGES) as Language | undefined) ?? "en";
}

function announce(language: string): void {
  document.documentElement.lang = language;
}

export async function startI18n(): Promise<void> {
  i18next.on("languageChanged", announce);
  await i18next.use(initReactI18next).init({
    resources,
    lng: preferred(),
    fallbackLng: "en",
    defaultNS: "common",
    interpolation: { escapeValue: false }, // React does
  });
}

export async function chooseLanguage(language: Language): Promise<void> {
  localStorage.setItem(KEY, language);
  await i18next.changeLanguage(language);
}
