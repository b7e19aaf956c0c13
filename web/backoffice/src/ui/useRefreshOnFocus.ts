import { useEffect, useEffectEvent } from "react";

const FRESH_MILLISECONDS = 60_000;

/** Refresh when somebody comes back to the page who has seen it more than a minute ago. */
export function useRefreshOnFocus(refresh: () => void): void {
  const onRefresh = useEffectEvent(refresh);
  useEffect(() => {
    let last = Date.now();
    const refreshIfOld = () => {
      if (document.visibilityState === "hidden" || Date.now() - last < FRESH_MILLISECONDS) return;
      last = Date.now();
      onRefresh();
    };
    addEventListener("focus", refreshIfOld);
    document.addEventListener("visibilitychange", refreshIfOld);
    return () => {
      removeEventListener("focus", refreshIfOld);
      document.removeEventListener("visibilitychange", refreshIfOld);
    };
  }, []);
}
