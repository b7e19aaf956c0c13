import { createHash } from "node:crypto";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const FONT = /url\((["']?)data:(?:application|font)\/(?:x-font-)?(ttf|woff2?)[^,)]*;base64,([^"')]+)\1\)/g;

/** Write the fonts that style sheets carry within themselves to files: the page's policy allows no others. */
function fontFiles(): Plugin {
  return {
    name: "font-files",
    generateBundle(_options, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type !== "asset" || !file.fileName.endsWith(".css")) continue;
        file.source = String(file.source).replace(FONT, (_url, _quote, kind: string, data: string) => {
          const source = Buffer.from(data, "base64");
          const name = `font-${createHash("sha256").update(source).digest("hex").slice(0, 8)}.${kind}`;
          this.emitFile({ type: "asset", fileName: `assets/${name}`, source });
          return `url(./${name})`;
        });
      }
    },
  };
}

export default defineConfig({
  root: import.meta.dirname,
  base: "./", // whatever path a proxy puts before it
  plugins: [react(), fontFiles()],
  worker: { format: "es" },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 4000,
  },
});
