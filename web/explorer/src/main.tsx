import "./strict-styles";
import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "@graphiql/plugin-explorer/style.css";
import "./explorer.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { loadConfig } from "../../shared/config";
import { Explorer } from "./Explorer";

const root = document.getElementById("explorer");
if (!root) throw new Error("The page has no place for the explorer.");
const config = await loadConfig();
createRoot(root).render(
  <StrictMode>
    <Explorer config={config} />
  </StrictMode>,
);
