// What a bundler does for Relay: tagged templates become the generated files, and JSX and types become JavaScript.
import { readFileSync } from "node:fs";
import { createRequire, registerHooks } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const options = (filename) => ({
  filename,
  configFile: false,
  presets: ["@babel/preset-typescript", ["@babel/preset-react", { runtime: "automatic" }]],
  plugins: [["relay", { eagerEsModules: true, artifactDirectory: join(dirname(filename), "__generated__") }]],
});

registerHooks({
  resolve: (specifier, context, next) => next(specifier.endsWith(".graphql") ? `${specifier}.ts` : specifier, context),
  load(url, context, next) {
    if (!url.endsWith(".tsx")) return next(url, context);
    const { transformSync } = createRequire(import.meta.url)("@babel/core"); // most scenarios have no use for it
    const filename = fileURLToPath(url);
    const { code } = transformSync(readFileSync(filename, "utf8"), options(filename));
    return { format: "module", source: code, shortCircuit: true };
  },
});
