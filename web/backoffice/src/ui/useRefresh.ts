import { useEffect, useRef } from "react";

/**
 * Return a function that asks for the page anew after a live change: once at a time, and once more if there was
 * another change meanwhile.
 */
export function useRefresh(isFetching: boolean, refetch: () => void): () => void {
  const isWanted = useRef(false);
  const wasFetching = useRef(isFetching);
  useEffect(() => {
    wasFetching.current = isFetching;
    if (isFetching || !isWanted.current) return;
    isWanted.current = false;
    refetch();
  }, [isFetching, refetch]);
  return () => {
    if (wasFetching.current) isWanted.current = true;
    else refetch();
  };
}
