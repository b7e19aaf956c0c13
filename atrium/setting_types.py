"""The types of Atrium's settings: how a value is read from its text in the environment."""

import re
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr
from pydantic_settings import NoDecode
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

__all__ = [
    "DatabaseUrl",
    "DocumentMode",
    "HeaderNames",
    "Networks",
    "OptionalDatabaseUrl",
    "OptionalSmtpUrl",
    "Origins",
    "ReplicaUrls",
    "SigningKeyTexts",
]

_SEVERAL_HOSTS = re.compile(r"([a-z+]+://(?:[^@/?]*@)?)([^@/?]*,[^@/?]*)((?:[/?].*)?)", re.DOTALL)
_DRIVER = "postgresql+asyncpg"
_PORT = 5432  # PostgreSQL's own
_PEM = re.compile(r"-----BEGIN [^-]+-----.+?-----END [^-]+-----", re.DOTALL)
_HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")


def _secret_value(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _database_url(value: object) -> object:
    """Return a PostgreSQL URL in the form the asyncpg driver takes, `sslmode` included."""
    text = _secret_value(value)
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise ValueError("must be a URL")  # noqa: TRY004  pydantic turns a ValueError into a message
    try:
        url = _parse_url(text)
    except (ArgumentError, ValueError):
        raise ValueError("is not a URL of the form postgresql://user:password@host:port/database") from None
    if url.drivername.partition("+")[0] not in {"postgres", "postgresql"}:
        raise ValueError("must be a PostgreSQL URL, postgresql://…")
    if sslmode := url.query.get("sslmode"):
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": sslmode})
    return url.set(drivername=_DRIVER).render_as_string(hide_password=False)


def _parse_url(text: str) -> URL:
    """Return a URL, of which libpq's form may name several hosts: then the one that takes writes is meant."""
    several = _SEVERAL_HOSTS.fullmatch(text)
    if several is None:
        return make_url(text)
    before, hosts, rest = several.groups()
    url = make_url(before + rest)
    parts = [host.partition(":") for host in hosts.split(",")]
    named = tuple(f"{host}:{int(port or _PORT)}" for host, _, port in parts)
    return url.update_query_dict({"target_session_attrs": "read-write", **url.query, "host": named})


def _smtp_url(value: object) -> object:
    """Return a mail server's URL with a host, and nothing that there is no use for."""
    text = _secret_value(value)
    if text is None or text == "":
        return None
    try:
        url = urlsplit(text) if isinstance(text, str) else None
        good = url is not None and url.scheme in {"smtp", "smtps"} and url.hostname and url.port != 0
    except ValueError:
        good = False
    if not good or url is None or url.path.strip("/") or url.query or url.fragment:
        raise ValueError("is not a URL of the form smtp://user:password@host:port")
    return text


def _split(value: object) -> object:
    """Return the items of a list written with commas or line breaks between them."""
    if isinstance(value, str):
        return tuple(item.strip() for item in re.split(r"[,\n]", value) if item.strip())
    return value


def _split_keys(value: object) -> object:
    """Signing keys written one after the other: PEM blocks as they are, anything else by comma or line break."""
    if not isinstance(value, str):
        return value
    text = value.replace("\\n", "\n")
    seeds = _split(_PEM.sub(",", text))
    return (*_PEM.findall(text), *(seeds if isinstance(seeds, tuple) else ()))


def _header_names(value: object) -> object:
    """Return the items of such a list in lower case, each the name of a header."""
    names = _split(value)
    if isinstance(names, tuple):
        names = tuple(name.lower() for name in names)
        if not all(_HEADER_NAME.fullmatch(name) for name in names):
            raise ValueError("must be names of headers, separated by commas")
    return names


DatabaseUrl = Annotated[SecretStr, BeforeValidator(_database_url)]
ReplicaUrls = Annotated[tuple[DatabaseUrl, ...], NoDecode, BeforeValidator(_split)]
OptionalDatabaseUrl = Annotated[SecretStr | None, BeforeValidator(_database_url)]
OptionalSmtpUrl = Annotated[SecretStr | None, BeforeValidator(_smtp_url)]
SigningKeyTexts = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split_keys)]
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
HeaderNames = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_header_names)]
DocumentMode = Literal["off", "allowed", "only"]
"""Whether trusted documents are served: `off`, `allowed` beside others, or nothing `only` them."""
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_split)]
