"""The files in deploy/: they are well formed, fit the schemas of their programs, and say what the code says."""

import configparser
import json
import re
import subprocess
import sysconfig
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from atrium.http.server import CANCEL_SECONDS
from atrium.http.streams import HEARTBEAT_SECONDS
from atrium.settings import PREFIX, Settings
from atrium.web.build import OTHER_SOURCES
from models.database.engine import SERVER_SETTINGS
from tests.support.deployment import (
    BASE,
    COMPOSE,
    DEPLOY,
    OVERLAY,
    compose_settings,
    deploy_files,
    instructions,
    manifests,
    read_yaml,
    stages,
)
from tests.support.source_files import ROOT

DEFAULTS = Settings()
YAML_FILES = [path for path in deploy_files() if path.suffix in {".yaml", ".yml"}]
KUBERNETES_VERSIONS = ["1.32", kubernetes_validate.latest_version()]
"""The oldest whose `preStop` may sleep without a switch, and the newest that there is a schema of."""
GOODBYE_SECONDS = 5  # which ending takes besides waiting for requests, as docs/operations.md says
LONGEST_REQUEST = DEFAULTS.bulk_password_timeout_seconds + 2 * DEFAULTS.request_timeout_seconds


def deploy_name(path: Path) -> str:
    return str(path.relative_to(DEPLOY))


@pytest.mark.parametrize("path", YAML_FILES, ids=deploy_name)
def test_yaml_is_well_formed(path: Path) -> None:
    assert [*yaml.safe_load_all(path.read_text(encoding="utf-8"))]


def named_settings(text: str) -> set[str]:
    return set(re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z]\b", text))


@pytest.mark.parametrize("path", deploy_files(), ids=deploy_name)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    assert named_settings(path.read_text(encoding="utf-8")) - known == set()


def test_settings_are_accepted() -> None:
    given = [compose_settings(), dict(line.split("=", 1) for line in configured())]
    for settings in given:
        values = {name.removeprefix(PREFIX).lower(): value for name, value in settings.items() if PREFIX in name}
        Settings(**{name: value for name, value in values.items() if name in Settings.model_fields})


def configured() -> list[str]:
    """The lines of the settings on Kubernetes."""
    [made] = read_yaml(BASE / "kustomization.yaml")["configMapGenerator"]
    lines: list[str] = made["literals"]
    return lines


def compose_schema() -> dict[str, Any]:
    path = files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


@pytest.mark.parametrize("path", sorted(DEPLOY.glob("compose*.yaml")), ids=deploy_name)
def test_compose_files_fit_their_schema(path: Path) -> None:
    schema = compose_schema()
    jsonschema.validate(read_yaml(path), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"services": {"api": {"imgae": "atrium"}}}, schema)


def test_services_wait_for_what_there_is() -> None:
    services = read_yaml(COMPOSE)["services"]
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            other = services[needed]
            checked = "test" in other.get("healthcheck", {}) or other["image"] == "atrium"
            if how["condition"] == "service_healthy":
                assert checked, (name, needed)
                assert not other.get("healthcheck", {}).get("disable"), (name, needed)
            ends = how["condition"] == "service_completed_successfully"
            assert ends == other["restart"].startswith("on-failure"), (name, needed)


def test_volumes_and_files_are_there() -> None:
    compose = read_yaml(COMPOSE)
    sources = {each.split(":")[0] for one in compose["services"].values() for each in one.get("volumes", ())}
    assert {name for name in sources if not name.startswith("./")} == compose["volumes"].keys()
    missing = [name for name in sources if name.startswith("./") and not (DEPLOY / name).exists()]
    assert missing == []


def test_each_service_has_its_secrets_alone() -> None:
    services = read_yaml(COMPOSE)["services"]
    users = {"primary": 999, "replica": 999, "pgbouncer": 10002, "atrium": 10001, "grafana": 472}
    script = (DEPLOY / "compose/secrets.sh").read_text(encoding="utf-8")
    given = {folder: int(user) for user, folder in re.findall(r'\bgive (\d+) "?(\w+)/', script)}
    assert given == users
    mounted = {
        volume for each in services["secrets"]["volumes"] if (volume := each.split(":")[0]).startswith("secrets-")
    }
    assert mounted == {f"secrets-{name}" for name in users}
    for name, service in services.items():
        own = [each for each in service.get("volumes", ()) if each.startswith("secrets")]
        if name != "secrets":
            folder = "atrium" if service["image"] == "atrium" else name
            assert own in ([], [f"secrets-{folder}:/run/secrets/{folder}:ro"])
    assert services["replica"]["user"] == "999:999"
    assert ("USER", "10002:10002") in instructions(DEPLOY / "pgbouncer/Dockerfile")


def settings_of_roles(text: str) -> dict[str, str]:
    return dict(re.findall(r"ALTER ROLE atrium_app SET (\w+) = '(\w+)'", text))


def test_the_pooler_is_told_what_atrium_asks_for() -> None:
    ini = configparser.ConfigParser()
    ini.read(DEPLOY / "pgbouncer/pgbouncer.ini")
    pooler = ini["pgbouncer"]
    passed_on = {"timezone"}  # PgBouncer knows it, and sets it anew for each client
    ignored = SERVER_SETTINGS.keys() - passed_on
    assert set(pooler["ignore_startup_parameters"].split(",")) == ignored
    cluster, spec = (manifest["spec"] for manifest in manifests(OVERLAY))
    assert spec["pgbouncer"]["parameters"]["ignore_startup_parameters"] == pooler["ignore_startup_parameters"]
    assert spec["pgbouncer"]["poolMode"] == pooler["pool_mode"]
    assert settings_of_roles((DEPLOY / "postgres/primary.sh").read_text()) == SERVER_SETTINGS
    assert settings_of_roles("\n".join(cluster["bootstrap"]["initdb"]["postInitSQL"])) == SERVER_SETTINGS
    assert f"@pgbouncer:{pooler['listen_port']}/" in compose_settings()["ATRIUM_DATABASE_URL"]
    assert pooler["auth_file"].startswith("/run/secrets/pgbouncer/")


@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
def test_manifests_fit_the_schemas_of_kubernetes(version: str) -> None:
    for manifest in manifests(BASE):
        kubernetes_validate.validate(manifest, version, strict=True)
    wrong = {**next(manifests(BASE)), "sepc": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, version, strict=True)


def by_kind() -> dict[str, dict[str, Any]]:
    return {manifest["kind"]: manifest for manifest in manifests(BASE)}


def test_selectors_find_the_pods() -> None:
    [added] = read_yaml(BASE / "kustomization.yaml")["labels"]
    found = by_kind()
    deployment = found["Deployment"]["spec"]
    pods = deployment["template"]["metadata"]["labels"] | added["pairs"]
    jobs = found["Job"]["spec"]["template"]["metadata"]["labels"] | added["pairs"]
    selectors = [
        deployment["selector"]["matchLabels"],
        deployment["template"]["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
        found["Service"]["spec"]["selector"],
        found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ]
    assert added["includeTemplates"]
    for selector in selectors:
        assert selector.items() <= pods.items()
        assert not selector.items() <= jobs.items()
    assert found["PodDisruptionBudget"]["spec"]["minAvailable"] < deployment["replicas"]


def containers() -> Iterator[dict[str, Any]]:
    for kind in ("Deployment", "Job"):
        pod = by_kind()[kind]["spec"]["template"]["spec"]
        assert pod["enableServiceLinks"] is False, "its variables begin with ATRIUM_"
        assert pod["securityContext"]["runAsUser"] == 10001
        yield from (*pod["initContainers"], *pod["containers"])


def test_containers_may_do_nothing_but_their_work() -> None:
    for container in containers():
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"]
        assert not context["allowPrivilegeEscalation"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container["resources"]["limits"]


def test_patches_lead_to_what_is_there() -> None:
    kustomization = read_yaml(OVERLAY / "kustomization.yaml")
    for patch in kustomization["patches"]:
        target = by_kind()[patch["target"]["kind"]]
        assert target["metadata"]["name"] == patch["target"]["name"]
        for change in read_yaml(OVERLAY / patch["path"]):
            assert change["op"] == "replace"
            place: Any = target
            for step in change["path"].strip("/").split("/"):
                place = place[int(step) if step.isdecimal() else step]
            assert place == []


def test_names_of_the_cluster_go_together() -> None:
    cluster, pooler = manifests(OVERLAY)
    name, pooler_name = cluster["metadata"]["name"], pooler["metadata"]["name"]
    assert pooler["spec"]["cluster"]["name"] == name
    [change, _] = read_yaml(OVERLAY / "database-settings.yaml")
    hosts = set(re.findall(r"@([\w-]+):5432/atrium", json.dumps(change["value"])))
    assert hosts == {pooler_name, f"{name}-rw", f"{name}-ro"}
    assert cluster["spec"]["instances"] == 2, "with more, -ro is several servers"
    given = {each["name"] for each in change["value"]}
    secret = cluster["spec"]["managed"]["roles"][0]["passwordSecret"]["name"]
    keys = {each["valueFrom"]["secretKeyRef"]["name"] for each in change["value"] if "valueFrom" in each}
    assert keys == {secret, f"{name}-app"}
    assert given - {"APP_PASSWORD", "OWNER_PASSWORD"} == {name for name in compose_settings() if "DATABASE" in name}


def test_everybody_waits_for_a_process_that_ends() -> None:
    enough = DEFAULTS.shutdown_seconds + CANCEL_SECONDS + GOODBYE_SECONDS
    pod = by_kind()["Deployment"]["spec"]["template"]["spec"]
    leaving = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] >= leaving + enough
    assert int(read_yaml(COMPOSE)["services"]["api-1"]["stop_grace_period"].removesuffix("s")) >= enough
    assert int(unit()["TimeoutStopSec"]) >= enough


def unit() -> dict[str, str]:
    text = (DEPLOY / "systemd/atrium.service").read_text(encoding="utf-8")
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


def seconds(file: str, name: str) -> float:
    found = re.findall(rf"^\s*{name} (\d+)s\b", (DEPLOY / file).read_text(encoding="utf-8"), re.MULTILINE)
    assert len(found) == 1, (file, name)
    return float(found[0])


def test_proxies_wait_as_long_as_the_longest_request() -> None:
    for found in (seconds("nginx.conf", "proxy_read_timeout"), seconds("Caddyfile", "response_header_timeout")):
        assert found >= LONGEST_REQUEST > HEARTBEAT_SECONDS


def test_proxies_give_up_connections_before_atrium_does() -> None:
    kept = float(compose_settings()["ATRIUM_KEEP_ALIVE_SECONDS"])
    assert f"ATRIUM_KEEP_ALIVE_SECONDS={kept:g}" in configured()
    assert f"ATRIUM_KEEP_ALIVE_SECONDS={kept:g}" in (DEPLOY / "nginx.conf").read_text()
    assert max(seconds("nginx.conf", "keepalive_timeout"), seconds("Caddyfile", "keepalive")) < kept


def test_proxies_let_through_what_atrium_takes() -> None:
    nginx, caddy = ((DEPLOY / name).read_text(encoding="utf-8") for name in ("nginx.conf", "Caddyfile"))
    [megabytes] = re.findall(r"client_max_body_size (\d+)m;", nginx)
    assert int(megabytes) * 2**20 > DEFAULTS.body_limit_bytes
    [megabytes] = re.findall(r"max_size (\d+)MB", caddy)
    assert int(megabytes) * 10**6 > DEFAULTS.body_limit_bytes
    [kilobytes] = re.findall(r"large_client_header_buffers 4 (\d+)k;", nginx)
    assert int(kilobytes) * 2**10 >= DEFAULTS.header_limit_bytes


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("Dockerfile")), ids=deploy_name)
def test_dockerfiles_pass_their_linter(path: Path) -> None:
    command = [Path(sysconfig.get_path("scripts"), "hadolint"), "--no-color", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout + done.stderr == ""


def test_the_image_is_as_the_manifests_expect() -> None:
    final = dict(stages()[-1])
    assert final["USER"] == "10001:10001"
    assert final["STOPSIGNAL"] == "SIGTERM"
    assert final["EXPOSE"] == str(DEFAULTS.port)
    assert [each.words for each in stages()[-1] if each.name in {"ENTRYPOINT", "CMD"}] == [["atrium"], ["serve"]]
    ports = by_kind()["Deployment"]["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert ports == [{"name": "http", "containerPort": DEFAULTS.port}]


def test_the_context_has_what_is_copied_and_no_more() -> None:
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert lines[1] == "*"
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = [each.value.split() for each in instructions() if each.name == "COPY" and "--from" not in each.value]
    sources = {source for *found, _ in copied for source in found}
    assert sources == allowed
    for needed in (*OTHER_SOURCES, "web", "pyproject.toml"):
        assert any(needed == source or needed.startswith(f"{source}/") for source in sources), needed
        assert (ROOT / needed).exists()
