import type { CodegenConfig } from "@graphql-codegen/cli";
import { addTypenameSelectionDocumentTransform } from "@graphql-codegen/client-preset";
import scalars from "../clients/scalars.json" with { type: "json" };

const persistedDocuments = { hashAlgorithm: "sha256" } as const;
const strings = { documentMode: "string" } as const;
const preset = "client";

const config: CodegenConfig = {
  schema: "../schema.graphql",
  config: { scalars, strictScalars: true, enumsAsTypes: true, useTypeImports: true },
  generates: {
    "shared/gql/": {
      documents: ["shared/*.ts"],
      preset,
      presetConfig: { fragmentMasking: false, persistedDocuments },
      config: strings,
    },
    "explorer/src/gql/": {
      documents: ["explorer/src/**/*.{ts,tsx}", "!explorer/src/gql/**"],
      preset,
      presetConfig: { fragmentMasking: false },
      config: strings,
    },
    "backoffice/src/gql/": {
      documents: ["backoffice/src/**/*.{ts,tsx}", "!backoffice/src/gql/**"],
      preset,
      presetConfig: { fragmentMasking: false, persistedDocuments },
      documentTransforms: [addTypenameSelectionDocumentTransform], // the cache needs them, and hashes are of whole texts
    },
  },
};

export default config;
