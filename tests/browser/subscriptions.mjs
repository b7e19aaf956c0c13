// A subscription, by each transport, sees what somebody else does; the operations are those of the panel of examples.
import { act, answers, logIn, openExplorer, run, scenario, shoot } from "./support.mjs";

const CREATE = "mutation($title: String!) { createTask(input: { title: $title }) { ... on Task { id } } }";

await scenario(async (page) => {
  await openExplorer(page);
  await logIn(page);
  await page.getByRole("button", { name: "Show Examples" }).click();
  for (const [transport, started] of [
    ["ws", () => page.waitForEvent("websocket")],
    ["sse", () => page.waitForRequest((request) => request.headers().accept === "text/event-stream")],
  ]) {
    await page.getByLabel("Subscriptions").selectOption(transport);
    await page.getByRole("button", { name: "follow tasks" }).click();
    await page.locator(".graphiql-tab-active", { hasText: "FollowTasks" }).waitFor();
    const opened = started();
    await run(page);
    await opened;
    // It may be a moment until the server follows: what was done before is not told.
    const title = `by ${transport}`;
    const creating = setInterval(() => void act(CREATE, { title }), 500);
    await answers(page, `"${title}"`).finally(() => clearInterval(creating));
    await shoot(page, `follows-${transport}`);
    await page.getByRole("button", { name: /^Stop query/ }).click();
  }
  await page.getByRole("button", { name: "create a task" }).click();
  await page.locator(".graphiql-tab-active", { hasText: "CreateTask" }).waitFor();
  await run(page);
  await answers(page, "Written in the explorer");
});
