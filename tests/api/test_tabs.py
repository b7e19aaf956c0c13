"""The sample of docs/clients.md, as it stands there, in two tabs of a browser that share one storage."""

import asyncio
import json
import re
import shutil
import subprocess
from typing import Any

import pytest

from tests.support.client import listen
from tests.support.doc_pages import code_blocks
from tests.support.factories import World

NODE = shutil.which("node")

PAGE = """
const vm = require("node:vm");
const { url, REFRESH, sample, token, tenants, locks } = JSON.parse(process.argv[1]);
const shared = { KEY: token };
const localStorage = {
  getItem: () => shared.KEY,
  setItem: (_, value) => { shared.KEY = value; },
};
let queue = Promise.resolve();
const navigator = locks ? { locks: { request: (_, work) => (queue = queue.then(work)) } } : {};
async function post(query, variables, accessToken) {
  const headers = { "content-type": "application/json" };
  if (accessToken) headers.authorization = `Bearer ${accessToken}`;
  return (await fetch(url, { method: "POST", headers, body: JSON.stringify({ query, variables }) })).json();
}
const seen = [];
const open = (tenant) => {
  const page = { REFRESH, post, navigator, localStorage, Date, Promise,
    showLogin: () => seen.push("login"), showTenants: () => seen.push("tenants") };
  vm.createContext(page);
  vm.runInContext(sample + `; tab.tenant = ${JSON.stringify(tenant)}; tab.expiresAt = "2000-01-01";`, page);
  return page;
};
(async () => {
  const tabs = tenants.map(open);
  const ask = (page) => page.graphql("{ viewer { tenant { slug } } }");
  const answers = [];
  for (const round of [0, 1, 2]) {
    for (const page of tabs) vm.runInContext('tab.expiresAt = "2000-01-01"', page);
    const asked = round === 2 ? await Promise.all(tabs.map(ask)) : [await ask(tabs[0]), await ask(tabs[1])];
    answers.push(asked.map((answer) => answer.data?.viewer?.tenant?.slug ?? answer));
  }
  console.log(JSON.stringify({ seen, answers }));
})();
"""


def sample() -> str:
    """The sample as JavaScript: without the types of parameters and variables."""
    source = next(block for block in code_blocks("docs/clients.md", "ts") if "async function refresh()" in block)
    return re.sub(r": (string|Promise<void> \| undefined)", "", source).replace("const tab", "var tab")


@pytest.mark.skipif(NODE is None, reason="needs Node.js, to run what a browser would")
@pytest.mark.parametrize("locks", [True, False], ids=["with locks", "without locks"])
async def test_two_tabs_of_one_session_stay_logged_in_each_in_its_tenant(*, locks: bool, world: World) -> None:
    member = world.acme.member
    also = {"tenant_id": world.globex.tenant_id, "user_id": member.user_id, "role": "MEMBER"}
    await world.add("memberships", **also, full_name="", email="")
    given = {"email": member.email, "password": "Passw0rd!", "tenant": "acme"}
    session = await world.nobody.mutate("login", "... on Session { refreshToken }", **given)
    refresh = next(block for block in code_blocks("docs/clients.md", "graphql") if block.startswith("mutation Refresh"))
    async with listen(world.app.fastapi) as port:
        page: dict[str, Any] = {"url": f"http://127.0.0.1:{port}/graphql", "REFRESH": refresh, "sample": sample()}
        page |= {"token": session["refreshToken"], "tenants": ["acme", "globex"], "locks": locks}
        run = await _run(json.dumps(page))
    assert json.loads(run) == {"seen": [], "answers": [["acme", "globex"]] * 3}


async def _run(page: str) -> str:
    assert NODE is not None
    process = await asyncio.create_subprocess_exec(NODE, "-e", PAGE, page, stdout=subprocess.PIPE)
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    return output.decode()
