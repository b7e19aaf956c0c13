// A phone: the columns are beside each other, and a long touch drags a card.
import assert from "node:assert/strict";
import { openAs } from "./backoffice_support.mjs";
import { addTasks, card, column, shows } from "./board_support.mjs";
import { PHONE, scenario, shoot } from "./support.mjs";

await addTasks("TODO", ["First", "Second", "Third"]);

await scenario(async (page, context) => {
  await openAs(page, "/board");
  await shows(page, "TODO", ["First", "Second", "Third"]);
  const [from, to] = await Promise.all([card(page, "First").boundingBox(), card(page, "Third").boundingBox()]);
  const client = await context.newCDPSession(page);
  const touch = (type, x, y) => client.send("Input.dispatchTouchEvent", { type, touchPoints: type === "touchEnd" ? [] : [{ x, y }] });
  const x = from.x + 60;
  const y = from.y + from.height / 2;
  await touch("touchStart", x, y);
  await page.locator(".in-hand").waitFor(); // a long touch
  for (let step = 1; step <= 8; step += 1) await touch("touchMove", x, y + ((to.y + to.height + 20 - y) * step) / 8);
  await page.waitForFunction(() => [...document.querySelectorAll('[data-column="TODO"] h3')].at(-1).textContent === "First");
  await shoot(page, "board-touch");
  await touch("touchEnd");
  await shows(page, "TODO", ["Second", "Third", "First"]);

  await column(page, "DONE").scrollIntoViewIfNeeded();
  await shoot(page, "board-phone-done");
  const { x: left } = await column(page, "DONE").boundingBox();
  assert.ok(left >= 0 && left < 390);
}, PHONE);
