// Articles: written as a draft, published, found with what matches marked, narrowed down, changed by two, deleted.
import assert from "node:assert/strict";
import { inspect, openAs, watchOperations } from "./backoffice_support.mjs";
import { act, scenario } from "./support.mjs";

const CREATE = `mutation($input: CreateArticleInput!) { createArticle(input: $input) { ... on Article { id } ... on Error { code } } }`;
const UPDATE = `mutation($input: UpdateArticleInput!) { updateArticle(input: $input) { __typename } }`;
const REMOVE = `mutation($id: ID!) { deleteArticle(input: { id: $id }) { __typename } }`;
const create = async (input) => (await act(CREATE, { input: { status: "PUBLISHED", ...input } })).createArticle.id;

for (let number = 1; number <= 22; number++) {
  await create({ title: `Garden ${number}`, content: "How to grow roses beside the wall.", language: "ENGLISH" });
}
await create({ title: "Rosen im Garten", content: "Wie man Rosen pflegt.", language: "GERMAN" });
await create({ title: "<img src=x onerror=alert(1)>", content: "<b>roses</b> as text", language: "ENGLISH" });

await scenario(async (page) => {
  const operations = watchOperations(page);
  await openAs(page, "/articles");
  await page.getByText("24 articles").waitFor();
  assert.deepEqual(operations().slice(-1), ["ArticlesPage"]);
  await inspect(page, "articles");

  const search = page.getByRole("searchbox", { name: "Search articles" });
  await search.fill("roses");
  await search.press("Enter");
  await page.getByText("24 articles for “roses”").waitFor();
  assert.deepEqual(operations(), ["ArticleSearchPage"]);
  assert.equal(await page.locator(".articles > .card").count(), 20);
  assert.equal(await page.locator(".articles mark").first().textContent(), "Rosen");
  await inspect(page, "articles-search");
  await page.getByRole("button", { name: "Load more" }).click();
  await page.locator(".articles > .card").nth(23).waitFor();
  assert.equal(await page.locator(".articles img").count(), 0, "an article's text is text");

  await search.fill("rosen");
  await search.press("Enter");
  await page.getByRole("button", { name: /^German/ }).click();
  await page.getByText("1 article for “rosen”").waitFor();
  await page.goBack();
  await search.fill("gardn");
  await search.press("Enter");
  await page.getByText("Nothing matches exactly.").waitFor();

  await page.getByRole("link", { name: "Articles" }).click();
  await page.getByRole("link", { name: "New article" }).click();
  await page.getByLabel("Title").fill(" ");
  await page.getByRole("button", { name: "Save as a draft" }).click();
  await page.locator(".field .wrong").waitFor();
  await page.getByLabel("Title").fill("Tulips");
  await page.getByLabel("Text", { exact: true }).fill("They come from the east.");
  await inspect(page, "article-new");
  await page.getByRole("button", { name: "Save as a draft" }).click();
  await page.getByRole("heading", { level: 1, name: "Tulips" }).waitFor();
  await page.getByText("Draft", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Publish" }).click();
  await page.getByRole("button", { name: "Take back into a draft" }).waitFor();

  // Changed by two at once.
  const id = decodeURIComponent(new URL(page.url()).pathname.split("/").at(-1));
  const text = page.getByLabel("Text", { exact: true });
  await act(UPDATE, { input: { id, content: "They come from the far east." } });
  await page.waitForFunction(() => document.querySelector("textarea").value.includes("far"));
  await text.fill("They come from the west.");
  await act(UPDATE, { input: { id, content: "They come from the south." } });
  await page.getByText("Somebody else has changed this article meanwhile").waitFor();
  await page.getByRole("button", { name: "Save" }).click();
  const choice = page.getByRole("dialog");
  assert.equal(await choice.locator("ins").textContent(), "added: west");
  await inspect(page, "article-conflict");
  await choice.getByRole("button", { name: "Keep mine" }).click();
  await page.getByText("Saved.").waitFor();
  await inspect(page, "article");

  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("24 articles").waitFor();

  // Gone while somebody changes it.
  const other = await create({ title: "Lilies", content: "White." });
  await page.reload();
  await page.getByRole("link", { name: "Lilies" }).click();
  await text.fill("Black.");
  await act(REMOVE, { id: other });
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("This does not exist any more.").waitFor();
  assert.equal(await text.inputValue(), "Black.");
  await page.getByRole("button", { name: "Discard changes" }).click();
});

// A member publishes nothing, and changes nothing of others.
await scenario(async (page) => {
  await openAs(page, "/articles/new", { email: process.env.MEMBER_EMAIL });
  await page.getByLabel("Title").fill("By a member");
  await page.getByRole("button", { name: "Save as a draft" }).click();
  await page.getByRole("heading", { level: 1, name: "By a member" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Publish" }).count(), 0);
  await page.getByRole("link", { name: "Articles" }).click();
  await page.getByRole("button", { name: "Mine" }).click();
  await page.getByText("1 article", { exact: true }).waitFor();
  await page.getByRole("button", { name: "All" }).click();
  await page.getByRole("link", { name: "Garden 22" }).click();
  await page.getByLabel("Title").waitFor();
  assert.equal(await page.getByRole("button", { name: "Save" }).count(), 0);
});
