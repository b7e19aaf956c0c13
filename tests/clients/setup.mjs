// What a browser has and Node has not: a storage that all tabs share. LOCKS=off takes away what older browsers lack.
const stored = new Map();
globalThis.localStorage = {
  getItem: (key) => stored.get(key) ?? null,
  setItem: (key, value) => void stored.set(key, String(value)),
};
if (process.env.LOCKS === "off") Object.defineProperty(globalThis, "navigator", { value: {} });
else if (!navigator.locks) throw new Error("This Node has no navigator.locks");
