// The server's own limit, of which a few products take all: the rest waits for as long as the server says.
import assert from "node:assert/strict";
import { openAs } from "./backoffice_support.mjs";
import { choose, importing, says, start, storedOf, writeCsv } from "./exchange_support.mjs";
import { scenario } from "./support.mjs";

const COUNT = 25;

await scenario(async (page, _context, faults) => {
  await openAs(page, "/exchange", { email: process.env.ADMIN_EMAIL });
  const price = { priceAmount: "1.00", priceCurrency: "EUR" };
  const rows = Array.from({ length: COUNT }, (_, index) => ({ sku: `P-${index}`, name: `Pot ${index}`, ...price }));
  await choose(page, "products", "pots.csv", writeCsv(rows));
  await start(page, `Import ${COUNT} rows`);
  await says(importing(page), "The server limits how much is done at once. It goes on by itself, and takes longer.");
  await says(importing(page), `${COUNT} of ${COUNT} rows of pots.csv are imported.`);
  assert.ok(faults.length > 0);
  assert.ok(faults.splice(0).every((fault) => /status of 429/.test(fault)), faults.join());
  assert.deepEqual((await storedOf("products", "sku")).map(({ sku }) => sku), rows.map(({ sku }) => sku));
});
