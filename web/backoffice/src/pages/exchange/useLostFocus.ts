import { useEffect, useRef, type RefObject } from "react";

/** Return a reference to an element that takes the focus when it comes, if what had it before is gone. */
export function useLostFocus<Place extends HTMLElement>(): RefObject<Place | null> {
  const place = useRef<Place>(null);
  useEffect(() => {
    if (document.activeElement === document.body) place.current?.focus();
  }, []);
  return place;
}
