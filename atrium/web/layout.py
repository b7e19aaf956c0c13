"""The frame of the pages that are made here, without any script."""

import base64
import hashlib
from html import escape

from starlette.responses import HTMLResponse

__all__ = ["html_page"]

STYLE = """
:root { color-scheme: light dark; --line: light-dark(#d5dae1, #39424e); --soft: light-dark(#566070, #a3adbb);
  --accent: light-dark(#0b5fad, #7cb8f5); --field: light-dark(#f5f6f8, #1b2027) }
body { font: 16px/1.55 system-ui, sans-serif; margin: 0 auto; max-width: 46rem; padding: 1.5rem 1rem 4rem;
  background: light-dark(#fff, #11151a); color: light-dark(#1f2733, #e6e9ee); overflow-wrap: anywhere }
h1, h2, h3 { line-height: 1.25 }
a { color: var(--accent) }
ul.ways { display: grid; gap: .6rem; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); list-style: none;
  padding: 0 }
ul.ways a { border: 1px solid var(--line); border-radius: 8px; display: block; height: 100%; padding: .7rem .9rem;
  text-decoration: none; box-sizing: border-box }
ul.ways a:hover { border-color: var(--accent) }
ul.ways small, p.soft { color: var(--soft) }
ul.ways small { display: block }
.wide { overflow-x: auto }
table { border-collapse: collapse }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .9rem .35rem 0; text-align: left; vertical-align: top;
  overflow-wrap: normal }
pre { background: var(--field); border: 1px solid var(--line); border-radius: 8px; width: fit-content;
  min-width: calc(100% - 2rem - 2px); padding: .8rem 1rem; overflow-wrap: normal }
code { font: .875em ui-monospace, monospace }
img { max-width: 100% }
"""
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SCROLLED = (
    ("<table>", "</table>", '<div class="wide" tabindex="0"><table>'),
    ("<pre>", "</pre>", '<div class="wide" tabindex="0"><pre>'),
)
"""What is wider than a phone, and scrolled by the keyboard as well."""
FRAME = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Atrium</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def html_page(title: str, body: str) -> HTMLResponse:
    """Return a page with this title, which is text, and this body, which is HTML."""
    for start, end, focusable in SCROLLED:
        body = body.replace(start, focusable).replace(end, f"{end}</div>")
    text = FRAME.format(title=escape(title), style=STYLE, body=body)
    return HTMLResponse(text, headers={"content-security-policy": POLICY})
