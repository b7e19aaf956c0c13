"""GraphiQL, the page on which a person writes queries, served from this machine.

Its scripts come with the package `graphene-django-graphiql-static`, which holds the official builds as files
(its name aside, nothing of it needs Django). So the page works offline, and no other server is trusted with
what people type: their tokens among it. A `login` or `switchTenant` that is run on the page puts its token into
the headers of the next query.
"""

import base64
import hashlib
import json
from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

GRAPHIQL_PATH = "/graphiql"
PACKAGE = "graphene_django_graphiql_static"

DEMO_QUERY = """\
# Welcome to Atrium. The book, top left, documents
# every type and field.
#
# 1. Press play and choose Login. The token is put into
#    the Headers below, where any other fits as well:
#    {"Authorization": "Bearer …"}
# 2. Press play and choose Projects.
#
# The same password opens admin@acme.example.com,
# member@acme.example.com and owner@globex.example.com.

mutation Login {
  login(input: {
    email: "owner@acme.example.com"
    password: "Atrium-demo-1!"
  }) {
    ... on Session { accessToken expiresAt }
    ... on Error { code message }
  }
}

query Projects {
  projects(first: 3) {
    totalCount
    edges {
      node {
        name
        tasks(first: 3) { edges { node { title status } } }
      }
    }
  }
}
"""

PLAIN_QUERY = """\
# Welcome to Atrium. The book, top left, documents
# every type and field.
#
# Log in, and the token is put into the Headers below,
# where any other fits as well:
# {"Authorization": "Bearer …"}

mutation Login($email: String!, $password: String!) {
  login(input: { email: $email, password: $password }) {
    ... on Session { accessToken expiresAt }
    ... on Error { code message }
  }
}
"""

_SCRIPT = """\
const endpoint = new URL(%(endpoint)s, window.location.href);
const socket = new URL(endpoint);
socket.protocol = endpoint.protocol === "https:" ? "wss:" : "ws:";
const parse = (text) => { try { return JSON.parse(text || "{}"); } catch { return {}; } };
let current = "";
const wsClient = graphqlWs.createClient({ url: socket.href, connectionParams: () => parse(current) });
const send = GraphiQL.createFetcher({ url: endpoint.href, wsClient, enableIncrementalDelivery: false });

function Page() {
  const [headers, setHeaders] = React.useState(current);
  const edit = (text) => { current = text; setHeaders(text); };
  const fetcher = async (parameters, options) => {
    const result = await send(parameters, options);
    const data = (result && result.data) || {};
    const session = [data.login, data.register, data.refresh, data.switchTenant].find((it) => it && it.accessToken);
    if (session) {
      edit(JSON.stringify({ ...parse(current), Authorization: "Bearer " + session.accessToken }, null, 2));
    }
    return result;
  };
  return React.createElement(GraphiQL, {
    fetcher, headers, onEditHeaders: edit, defaultQuery: %(query)s, defaultEditorToolsVisibility: "headers",
    isHeadersEditorEnabled: true, shouldPersistHeaders: false, inputValueDeprecation: true,
  });
}
ReactDOM.render(React.createElement(Page), document.getElementById("graphiql"));
"""

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Atrium · GraphiQL</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="graphiql/files/graphiql.min.css">
<style>html, body, #graphiql { height: 100%%; margin: 0; overflow: hidden }</style>
</head>
<body>
<div id="graphiql">Loading…</div>
<script src="graphiql/files/react.production.min.js"></script>
<script src="graphiql/files/react-dom.production.min.js"></script>
<script src="graphiql/files/graphql-ws.min.js"></script>
<script src="graphiql/files/graphiql.min.js"></script>
<script>%(script)s</script>
</body>
</html>
"""


def build_routes(*, demo: bool, endpoint: str = "graphql") -> list[BaseRoute]:
    """`GET /graphiql` and its files.

    `demo` shows the login of the demo data in the first query. `endpoint` is relative to the page, so that a
    path in front of both, put there by a proxy, does no harm.
    """
    script = _SCRIPT % {"endpoint": json.dumps(endpoint), "query": _literal(DEMO_QUERY if demo else PLAIN_QUERY)}
    page = _PAGE % {"script": script}
    headers = {"content-security-policy": content_security_policy(script)}

    async def graphiql(_request: Request) -> HTMLResponse:
        return HTMLResponse(page, headers=headers)

    assets = StaticFiles(directory=Path(str(files(PACKAGE) / "static" / PACKAGE)))
    return [
        Mount(f"{GRAPHIQL_PATH}/files", assets, name="graphiql-files"),
        Route(GRAPHIQL_PATH, graphiql, methods=["GET"]),
    ]


def content_security_policy(script: str) -> str:
    """Return a content security policy for a page with this one inline script and files of its own origin.

    GraphiQL sets styles inline. Queries go to this origin; `ws:` and `wss:` stand there since not every browser
    counts a WebSocket of the same origin as such.
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'self' 'sha256-{digest}'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; connect-src 'self' ws: wss:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _literal(text: str) -> str:
    # A JSON string is a JavaScript string; no "<" in it can end the script element it stands in.
    return json.dumps(text).replace("<", "\\u003c")
