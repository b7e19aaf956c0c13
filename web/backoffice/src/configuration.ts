import { createContext, use } from "react";
import type { Config } from "../../shared/config";

export const ConfigContext = createContext<Config | null>(null);

/** What the server says of itself. */
export function useConfig(): Config {
  const config = use(ConfigContext);
  if (!config) throw new Error("There is no configuration outside the application.");
  return config;
}
