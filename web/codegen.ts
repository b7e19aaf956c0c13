import type { CodegenConfig } from "@graphql-codegen/cli";
import scalars from "../clients/scalars.json" with { type: "json" };

const config: CodegenConfig = {
  schema: "../schema.graphql",
  documents: ["explorer/src/**/*.ts", "explorer/src/**/*.tsx", "!explorer/src/gql/**"],
  config: { scalars, strictScalars: true, enumsAsTypes: true, useTypeImports: true, documentMode: "string" },
  generates: { "explorer/src/gql/": { preset: "client", presetConfig: { fragmentMasking: false } } },
};

export default config;
