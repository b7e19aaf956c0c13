"""The files in deploy/, as tests read them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from dockerfile_parse import DockerfileParser

from tests.support.source_files import ROOT

__all__ = [
    "BASE",
    "COMPOSE",
    "DEPLOY",
    "OVERLAY",
    "Instruction",
    "compose_settings",
    "deploy_files",
    "instructions",
    "manifests",
    "read_yaml",
    "stages",
]

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
BASE = DEPLOY / "kubernetes/base"
OVERLAY = DEPLOY / "kubernetes/cloudnative-pg"


class Instruction(NamedTuple):
    """One instruction of a Dockerfile."""

    name: str
    value: str

    @property
    def words(self) -> list[str]:
        """Its exec form, such as `["atrium"]`, which may stand behind options and `CMD`."""
        words: list[str] = json.loads(self.value[self.value.index("[") :])
        return words


def deploy_files() -> list[Path]:
    """Every file in deploy/."""
    return sorted(path for path in DEPLOY.rglob("*") if path.is_file())


def read_yaml(path: Path) -> Any:
    """Return the one document of a file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def manifests(folder: Path) -> Iterator[dict[str, Any]]:
    """The manifests that a kustomization names, without those of other folders."""
    for name in read_yaml(folder / "kustomization.yaml")["resources"]:
        if (folder / name).is_file():
            yield read_yaml(folder / name)


def compose_settings() -> dict[str, str]:
    """Return what compose.yaml sets for Atrium's containers."""
    settings: dict[str, str] = read_yaml(COMPOSE)["services"]["api-1"]["environment"]
    return settings


def instructions(path: Path = DEPLOY / "Dockerfile") -> list[Instruction]:
    """Return the instructions of a Dockerfile."""
    structure = DockerfileParser(path=str(path)).structure
    return [Instruction(each["instruction"], each["value"]) for each in structure if each["instruction"] != "COMMENT"]


def stages() -> list[list[Instruction]]:
    """Return the instructions of each stage of deploy/Dockerfile, without its FROM."""
    found: list[list[Instruction]] = []
    for instruction in instructions():
        if instruction.name == "FROM":
            found.append([])
        elif found:
            found[-1].append(instruction)
    return found
