import { useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { useIsConnectionLost } from "../live";

function subscribe(listener: () => void): () => void {
  addEventListener("online", listener);
  addEventListener("offline", listener);
  return () => {
    removeEventListener("online", listener);
    removeEventListener("offline", listener);
  };
}

/** Return whether the browser has a network. */
export const useIsOnline = () => useSyncExternalStore(subscribe, () => navigator.onLine);

/** Says that there is no network, or no server; the region is always there, so that screen readers read what comes into it. */
export function OfflineNotice() {
  const { t } = useTranslation();
  const isOnline = useIsOnline();
  const isConnectionLost = useIsConnectionLost();
  return (
    <div className="offline" role="status">
      {!isOnline && <p>{t("offline")}</p>}
      {isOnline && isConnectionLost && <p>{t("notConnected")}</p>}
    </div>
  );
}
