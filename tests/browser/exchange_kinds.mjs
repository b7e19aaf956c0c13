// Import of products, articles and members, in both formats: what is refused, and why, and that it can be mended.
import assert from "node:assert/strict";
import { openAs } from "./backoffice_support.mjs";
import { assertProblems, choose, importing, readCsv, readJsonl, saveRest, says, start, storedOf, writeCsv, writeJsonl } from "./exchange_support.mjs";
import { alert } from "./members_support.mjs";
import { act, scenario } from "./support.mjs";

const { ADMIN, ADMIN_EMAIL, ADMIN_TOKEN, MEMBER_EMAIL } = process.env;

// Products, one call each; what spreadsheets make of numbers and of true and false is understood.
await scenario(async (page) => {
  await openAs(page, "/exchange", { email: ADMIN_EMAIL });
  await choose(page, "products", "wrong.csv", "name,price\na,b\n");
  await alert(importing(page), "These columns are missing: sku, priceAmount, priceCurrency.");
  const good = { sku: "POT", name: "Pot", description: "", priceAmount: "19,90", priceCurrency: "eur", stockQuantity: "7", isActive: "WAHR" };
  const bad = [
    { ...good, sku: "pot" },
    { ...good, sku: "A", priceAmount: "19.905" },
    { ...good, sku: "B", priceAmount: "much", stockQuantity: "-1", isActive: "perhaps" },
    { ...good, sku: "C", priceCurrency: "XXX", stockQuantity: "2147483648" },
  ];
  await choose(page, "products", "products.csv", writeCsv([good, ...bad, { ...good, sku: "PAN", isActive: "", stockQuantity: "" }]));
  await start(page, "Import 4 rows");
  await says(importing(page), "2 of 6 rows of products.csv are imported.");
  const refused = readCsv((await saveRest(page, "products-rest.csv")).text);
  assertProblems(refused, [
    /already/,
    /^price.amount: This has more decimals than the currency/,
    "priceAmount is no amount such as 19.90. stockQuantity is no whole number from 0 to 2147483647. isActive is neither true nor false.",
    /^priceCurrency is none of: AED, .*, …\. stockQuantity is no whole number/,
  ]);
  const mend = { priceAmount: "1.00", priceCurrency: "EUR", stockQuantity: "1", isActive: "no" };
  const mended = refused.map((row, index) => ({ ...row, ...mend, sku: `MENDED-${index}` }));
  await choose(page, "products", "products.csv", writeCsv(mended));
  await start(page, "Import 4 rows");
  await says(importing(page), "4 of 4 rows of products.csv are imported.");
  const lines = [
    { sku: "JSON", name: "Lines", priceAmount: 5, priceCurrency: "JPY", isActive: false, stockQuantity: 3 },
    { sku: "JSON", name: "Lines", priceAmount: 5, priceCurrency: "JPY" },
    { sku: "NOT", name: "Lines", priceAmount: 5, priceCurrency: "JPY", isActive: 2 },
  ];
  await choose(page, "products", "products.jsonl", writeJsonl(lines));
  await start(page, "Import 2 rows");
  await says(importing(page), "1 of 3 rows of products.jsonl are imported.");
  const again = readJsonl((await saveRest(page, "products-rest.jsonl")).text);
  assertProblems(again, [/already/, "isActive is neither true nor false."]);
  const others = again.map((row, index) => ({ ...row, sku: `JSON-${index}`, isActive: true }));
  await choose(page, "products", "products-rest.jsonl", writeJsonl(others));
  await start(page, "Import 2 rows");
  await says(importing(page), "2 of 2 rows of products-rest.jsonl are imported.");
  const stored = await storedOf("products", "sku name description price { amount currency } stockQuantity isActive");
  const price = { amount: "19.90", currency: "EUR" };
  assert.deepEqual(stored[0], { sku: "POT", name: "Pot", description: null, price, stockQuantity: 7, isActive: true });
  assert.deepEqual(stored.map(({ sku, stockQuantity, isActive }) => [sku, stockQuantity, isActive]), [
    ["POT", 7, true],
    ["PAN", 0, true],
    ...[0, 1, 2, 3].map((index) => [`MENDED-${index}`, 1, false]),
    ["JSON", 3, false],
    ["JSON-0", 0, true],
    ["JSON-1", 0, true],
  ]);
});

// Articles, the admin's own.
await scenario(async (page) => {
  await openAs(page, "/exchange", { email: ADMIN_EMAIL });
  const articles = [
    { title: "One", content: "Satz,\nund Satz", language: "german", status: "published" },
    { title: "", content: "Text", language: "", status: "" },
    { title: "Long", content: "x".repeat(100_001), language: "", status: "" },
    { title: "Huge", content: "ü".repeat(600_000), language: "", status: "" },
    { title: "Two", content: "Text", language: "", status: "" },
  ];
  for (const [format, write, read] of [["jsonl", writeJsonl, readJsonl], ["csv", writeCsv, readCsv]]) {
    const name = `articles.${format}`;
    await choose(page, "articles", name, write(articles));
    await start(page, "Import 3 rows");
    await says(importing(page), `2 of 5 rows of ${name} are imported.`);
    const refused = read((await saveRest(page, `articles-rest.${format}`)).text);
    assertProblems(refused, ["title is missing.", /^content: This may have 100000 characters/, "It is too large."]);
    await choose(page, "articles", name, write(refused.map((row, index) => ({ ...row, title: `Mended ${index}`, content: "Short" }))));
    await start(page, "Import 3 rows");
    await says(importing(page), `3 of 3 rows of ${name} are imported.`);
  }
  const stored = await storedOf("articles", "title content language status author { id }", ADMIN_TOKEN);
  const first = stored.slice(0, 5);
  assert.deepEqual(stored.slice(5), first);
  assert.deepEqual(first[0], { ...articles[0], language: "GERMAN", status: "PUBLISHED", author: { id: ADMIN } });
  assert.deepEqual(first.slice(1).map(({ title, language, status }) => [title, language, status]), [
    ["Two", "ENGLISH", "DRAFT"],
    ...[0, 1, 2].map((index) => [`Mended ${index}`, "ENGLISH", "DRAFT"]),
  ]);
});

// Members are invited; by an admin, as no owners.
const INVITATIONS = `query($filter: InvitationFilter) { invitations(first: 100, filter: $filter) { nodes { email role } } }`;
await scenario(async (page) => {
  await openAs(page, "/exchange", { email: ADMIN_EMAIL });
  for (const [format, write, read] of [["csv", writeCsv, readCsv], ["jsonl", writeJsonl, readJsonl]]) {
    const domain = `${format}.example.com`;
    const people = [
      { email: `new@${domain}`, fullName: "New", role: "" },
      { email: `admin@${domain}`, fullName: "", role: "Admin" },
      { email: `New@${domain}`, fullName: "Again", role: "member" },
      { email: `owner@${domain}`, fullName: "Owner", role: "OWNER" },
      { email: MEMBER_EMAIL, fullName: "Member", role: "MEMBER" },
      { email: "nobody", fullName: "Nobody", role: "MEMBER" },
    ];
    await choose(page, "members", `people.${format}`, write(people));
    await start(page, "Import 4 rows");
    await says(importing(page), `2 of 6 rows of people.${format} are imported.`);
    const refused = read((await saveRest(page, `people-rest.${format}`)).text);
    assertProblems(refused, ["email is the same as in an earlier row.", "role is none of: MEMBER, ADMIN.", /member/, /^email: /]);
    const mended = refused.map((row, index) => ({ ...row, email: `mended-${index}@${domain}`, role: "MEMBER" }));
    await choose(page, "members", `people-rest.${format}`, write(mended));
    await start(page, "Import 4 rows");
    await says(importing(page), `4 of 4 rows of people-rest.${format} are imported.`);
    const { nodes } = (await act(INVITATIONS, { filter: { email: { contains: domain } } })).invitations;
    assert.deepEqual(nodes.map(({ email, role }) => `${email} ${role}`).sort(), [
      `admin@${domain} ADMIN`,
      ...[0, 1, 2, 3].map((index) => `mended-${index}@${domain} MEMBER`),
      `new@${domain} MEMBER`,
    ]);
  }
});
