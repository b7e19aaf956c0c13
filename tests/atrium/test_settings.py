"""Settings: where they come from, what they refuse, and what they keep to themselves."""

import base64
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from atrium.setting_checks import require_servable
from atrium.settings import Settings, SettingsError, load_settings
from atrium.settings_reference import settings_table
from graph.runtime.complexity import Limits

GOOD_KEY = "k3Jd9-fZq8LmX2_vTn7Bw5RsYh4Gc6Pa"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("postgres://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgresql://u:p%40s@h:5433/d", "postgresql+asyncpg://u:p%40s@h:5433/d"),
        ("postgresql+asyncpg://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgresql+psycopg://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgres://u:p@h/d?sslmode=require", "postgresql+asyncpg://u:p@h/d?ssl=require"),
        ("postgres://u:p,q@h/d", "postgresql+asyncpg://u:p%2Cq@h/d"),
        (
            "postgresql://u:p@g,h:5433/d",
            "postgresql+asyncpg://u:p@/d?host=g%3A5432&host=h%3A5433&target_session_attrs=read-write",
        ),
        (
            "postgresql://g,h/d?target_session_attrs=any",
            "postgresql+asyncpg:///d?host=g%3A5432&host=h%3A5432&target_session_attrs=any",
        ),
    ],
)
def test_database_urls_are_brought_into_one_form(given: str, expected: str) -> None:
    url = Settings(database_url=given).database_url
    assert url is not None
    assert url.get_secret_value() == expected


@pytest.mark.parametrize(
    "given",
    ["mysql://u:hunter2@h/d", "nonsense hunter2", "postgres://u:hunter2@h:port/d", "postgres://u:hunter2@g,h:port/d"],
)
def test_other_urls_are_refused_without_being_shown(given: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(database_url=given)
    assert "hunter2" not in str(caught.value)


def test_environment_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ATRIUM_PORT=1\nATRIUM_HOST=::1\nOTHER=1\n")
    monkeypatch.setenv("ATRIUM_PORT", "2")
    monkeypatch.setenv("ATRIUM_EXPLORER", "")
    monkeypatch.setenv("ATRIUM_TRUSTED_PROXIES", "10.0.0.0/8, ::1")
    monkeypatch.setenv("ATRIUM_DATABASE_REPLICA_URLS", "postgres://a@b/c,postgres://d@e/f")
    settings = load_settings(tmp_path / ".env")
    assert (settings.port, settings.host, settings.explorer) == (2, "::1", None)
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "::1/128"]
    assert len(settings.database_replica_urls) == 2


def test_built_settings_ignore_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATRIUM_PORT", "2")
    assert Settings().port == 8000


def test_faults_are_named_and_values_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATRIUM_PORT", "hunter2")
    monkeypatch.setenv("ATRIUM_DATABASE_URL", "mysql://hunter2@h/d")
    monkeypatch.setenv("ATRIUM_TRUSTED_PROXIES", "hunter2")
    with pytest.raises(SettingsError) as caught:
        load_settings(None)
    faults = str(caught.value).splitlines()
    assert [fault.partition(":")[0] for fault in faults] == [
        "ATRIUM_PORT",
        "ATRIUM_DATABASE_URL",
        "ATRIUM_TRUSTED_PROXIES",
    ]
    assert "hunter2" not in str(caught.value)


def test_secrets_do_not_show() -> None:
    settings = Settings(
        secret_key="hunter2",
        signing_keys="hunter2",
        database_url="postgres://a:hunter2@b/c",
        database_replica_urls="postgres://a:hunter2@b/c",
    )
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json()


def test_signing_keys_are_told_apart() -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nAAAA\nBBBB\n-----END PRIVATE KEY-----"
    seed = base64.b64encode(bytes(32)).decode()
    for text in (f"{pem},{pem},{seed}", f"{pem}\n{pem}\n{seed}\n", f"{pem}\n{pem}\n{seed}".replace("\n", "\\n")):
        keys = [key.get_secret_value() for key in Settings(signing_keys=text).signing_keys]
        assert keys == [pem, pem, seed]


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({"database_url": "postgres://a@b/c"}, "ATRIUM_DATABASE_OWNER_URL"),
        ({"database_owner_url": "postgres://a@b/c"}, "ATRIUM_DATABASE_URL"),
        ({"database_replica_urls": "postgres://a@b/c"}, "ATRIUM_DATABASE_URL"),
        ({"environment": "production"}, "ATRIUM_SECRET_KEY"),
        ({"environment": "production", "secret_key": "short"}, "ATRIUM_SECRET_KEY"),
        ({"environment": "production", "secret_key": "a" * 64}, "ATRIUM_SECRET_KEY"),
        ({"cors_credentials": True}, "ATRIUM_CORS_ORIGINS"),
        ({"cors_credentials": True, "cors_origins": "https://a.example,*"}, "ATRIUM_CORS_ORIGINS"),
        (
            {"environment": "production", "secret_key": GOOD_KEY, "backoffice": True},
            "ATRIUM_BACKOFFICE in production needs ATRIUM_DOCUMENTS",
        ),
        ({"documents": "only", "explorer": True}, "ATRIUM_EXPLORER cannot be on"),
        ({"documents": "only", "persisted_queries": True}, "ATRIUM_PERSISTED_QUERIES cannot be on"),
    ],
)
def test_start_is_refused(values: dict[str, str], missing: str) -> None:
    with pytest.raises(SettingsError, match=missing):
        require_servable(Settings(**values))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"secret_key": "short"},
        {"environment": "production", "secret_key": GOOD_KEY},
        {"environment": "production", "signing_keys": "seed"},
        {"database_url": "postgres://a@b/c", "database_owner_url": "postgres://d@b/c"},
        {"documents": "only"},
        {"backoffice": True},
        {"environment": "production", "secret_key": GOOD_KEY, "backoffice": True, "documents": "allowed"},
        {"environment": "production", "secret_key": GOOD_KEY, "backoffice": True, "documents": "only"},
        {"environment": "production", "secret_key": GOOD_KEY, "backoffice": False},
        {"documents": "allowed", "explorer": True, "persisted_queries": True},
    ],
)
def test_start_is_allowed(values: dict[str, str]) -> None:
    settings = Settings(**values)
    assert require_servable(settings) is settings


@pytest.mark.parametrize("absent", ["opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"])
def test_traces_need_their_packages(monkeypatch: pytest.MonkeyPatch, absent: str) -> None:
    require_servable(Settings(tracing="on"))
    monkeypatch.setitem(sys.modules, absent, None)
    require_servable(Settings())
    with pytest.raises(SettingsError, match=r"ATRIUM_TRACING needs .* extra `otel`"):
        require_servable(Settings(tracing="on"))


def test_production_closes_by_default_and_opens_by_setting() -> None:
    closed = Settings(environment="production")
    opened = Settings(environment="production", introspection=True, explorer=True)
    assert (closed.introspection_enabled, closed.explorer_enabled, closed.cors_origin_pattern) == (False, False, None)
    assert (opened.introspection_enabled, opened.explorer_enabled) == (True, True)
    assert (Settings().introspection_enabled, Settings(explorer=False).explorer_enabled) == (True, False)


def test_the_back_office_is_for_development_unless_it_is_switched_on() -> None:
    assert (Settings().backoffice_enabled, Settings(backoffice=False).backoffice_enabled) == (True, False)
    in_production = [Settings(environment="production", backoffice=each).backoffice_enabled for each in (None, True)]
    assert in_production == [False, True]


def test_links_in_mail_lead_to_the_back_office_unless_another_front_end_is_set() -> None:
    assert Settings(port=8161).mail_link_url == "http://127.0.0.1:8161/app"
    assert Settings(port=8161, backoffice=False).mail_link_url == "http://127.0.0.1:8161"
    assert Settings(public_url="https://shop.example/account").mail_link_url == "https://shop.example/account"


def test_explorer_is_off_where_it_could_send_nothing() -> None:
    enabled = {mode: Settings(documents=mode).explorer_enabled for mode in ("off", "allowed", "only")}
    assert enabled == {"off": True, "allowed": True, "only": False}


def test_limits_are_those_of_the_document_budget() -> None:
    assert Settings().limits == Limits()
    assert Settings(limit_depth=3).limits == Limits(depth=3)


def test_table_explains_every_variable() -> None:
    rows = settings_table().splitlines()[2:]
    assert len(rows) == len(Settings.model_fields)
    for row, name in zip(rows, Settings.model_fields, strict=True):
        variable, default, meaning = [cell.strip() for cell in row.strip("|").split("|")]
        assert variable == f"`ATRIUM_{name.upper()}`"
        assert default
        assert meaning.endswith(".")
