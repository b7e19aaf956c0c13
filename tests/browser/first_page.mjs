// The first page of the back office: what is loaded for it, what it asks for, and how long that takes.
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { openAs, watchOperations } from "./backoffice_support.mjs";
import { address, scenario } from "./support.mjs";

const MOST_BYTES = 300_000;

await scenario(async (page, context) => {
  await openAs(page, "/");
  const next = await context.newPage(); // takes the login over, with a cache of its own
  await next.goto(`${address}/app/`);
  await next.locator(".overview").waitFor();
  await next.waitForLoadState("networkidle");

  const sizes = [];
  next.on("response", (response) => {
    if (response.request().method() === "GET") sizes.push(response.body().then((body) => gzipSync(body, { level: 9 }).length));
  });
  const operations = watchOperations(next);
  const began = performance.now();
  await next.reload();
  await next.locator(".overview").waitFor();
  const milliseconds = Math.round(performance.now() - began);
  await next.waitForLoadState("networkidle");
  const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  assert.equal(operations().length, 1);
  assert.ok(bytes > 50_000 && bytes < MOST_BYTES, `${bytes} bytes`);
  console.log(`The back office's first page: ${Math.round(bytes / 1000)} kB gzipped, one GraphQL request, ${milliseconds} ms`);
});
