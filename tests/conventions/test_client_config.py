"""The files for clients and their generators: they say what an introspection of the schema says."""

import json
import re
from typing import Any

from graphql import build_schema, get_introspection_query, graphql_sync, specified_scalar_types

from atrium.client_config import FOLDER, client_files
from tests.support.source_files import ROOT

SCHEMA = build_schema((ROOT / "schema.graphql").read_text(encoding="utf-8"))


def introspected() -> list[dict[str, Any]]:
    """The types as clients read them."""
    answer = graphql_sync(SCHEMA, get_introspection_query())
    assert answer.data is not None
    types: list[dict[str, Any]] = answer.data["__schema"]["types"]
    return [type_ for type_ in types if not type_["name"].startswith("__")]


def text(name: str) -> str:
    return (ROOT / FOLDER / name).read_text(encoding="utf-8")


def test_the_files_are_what_the_schema_says() -> None:
    assert {name: text(name) for name in client_files(SCHEMA)} == client_files(SCHEMA), "run `uv run atrium schema`"


def test_possible_types_are_those_of_every_interface_and_union() -> None:
    abstract = {type_["name"]: type_["possibleTypes"] for type_ in introspected() if type_["possibleTypes"] is not None}
    expected = {name: sorted(each["name"] for each in members) for name, members in abstract.items()}
    assert json.loads(text("possibleTypes.json")) == expected
    assert {"Node", "Error", "CreateTaskResult"} <= set(expected)
    assert "NotFound" in expected["Error"]


def test_keys_are_those_of_the_types_without_an_id() -> None:
    roots = {"Query", "Mutation", "Subscription"}
    keyless = {
        type_["name"]
        for type_ in introspected()
        if type_["kind"] == "OBJECT" and not any(field["name"] == "id" for field in type_["fields"])
    }
    found = re.findall(r"^  (\w+): \(\) => null,$", text("graphcacheKeys.ts"), re.MULTILINE)
    assert sorted(keyless - roots) == found
    assert {"Money", "PageInfo", "TaskViewerCan"} <= set(found)
    assert "Task" not in found


def test_every_custom_scalar_has_a_type() -> None:
    scalars = {type_["name"] for type_ in introspected() if type_["kind"] == "SCALAR"} - set(specified_scalar_types)
    mapped = json.loads(text("scalars.json"))
    assert mapped.keys() == scalars
    assert mapped["DateTime"] == {"input": "string", "output": "string"}
