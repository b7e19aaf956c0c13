import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { minifyIntrospectionQuery } from "@urql/introspection";
import react from "@vitejs/plugin-react";
import { buildSchema, introspectionFromSchema } from "graphql";
import { defineConfig, type Plugin } from "vite";

const read = (path: string) => readFileSync(resolve(import.meta.dirname, path), "utf8");
const SCHEMA = "virtual:schema";
const MANIFESTS = ["src/gql/persisted-documents.json", "../shared/gql/persisted-documents.json"];

/** The schema as the cache needs it: which types there are, and which of their fields hold others. */
function cacheSchema(): Plugin {
  return {
    name: "cache-schema",
    resolveId: (id) => (id === SCHEMA ? `\0${SCHEMA}` : null),
    load(id) {
      if (id !== `\0${SCHEMA}`) return null;
      const schema = introspectionFromSchema(buildSchema(read("../../schema.graphql")), { descriptions: false });
      return `export default JSON.parse(${JSON.stringify(JSON.stringify(minifyIntrospectionQuery(schema)))});`;
    },
  };
}

/** The operations of the pages by their hashes, for servers that run trusted documents alone. */
function manifest(): Plugin {
  return {
    name: "manifest",
    generateBundle() {
      const documents = MANIFESTS.map((path) => JSON.parse(read(path)) as Record<string, string>);
      const source = `${JSON.stringify(Object.assign({}, ...documents), null, 2)}\n`;
      this.emitFile({ type: "asset", fileName: "persisted-documents.json", source });
    },
  };
}

export default defineConfig({
  root: import.meta.dirname,
  base: "./", // whatever path a proxy puts before it; the server's <base> says where the pages begin
  plugins: [react(), cacheSchema(), manifest()],
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
