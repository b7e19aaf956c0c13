import { useEffect, useRef, type RefObject } from "react";

/**
 * Return a reference to an element whose first link or button gets the focus when it comes: that of the button which
 * asked for it, and is gone.
 */
export function useFirstFocus<Place extends HTMLElement>(isWanted: boolean): RefObject<Place | null> {
  const place = useRef<Place>(null);
  useEffect(() => {
    if (isWanted) place.current?.querySelector<HTMLElement>("a, button")?.focus();
  }, [isWanted]);
  return place;
}
