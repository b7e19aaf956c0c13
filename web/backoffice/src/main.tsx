import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { sendHashes } from "../../shared/api";
import { loadConfig } from "../../shared/config";
import { App } from "./App";
import { startI18n } from "./i18n";
import { session } from "./session";
import "./style/base.css";
import "./style/parts.css";
import "./style/lists.css";
import "./style/shell.css";

const root = document.getElementById("app");
if (!root) throw new Error("The page has no place for the application.");
const [config] = await Promise.all([loadConfig(), startI18n()]);
if (config.sendsHashes) sendHashes();
await session.restore();
createRoot(root).render(
  <StrictMode>
    <App config={config} />
  </StrictMode>,
);
