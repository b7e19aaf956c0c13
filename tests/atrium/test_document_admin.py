"""`atrium documents` and `atrium schema` with an older schema: manifests, what is refused, and what a change breaks."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from atrium import cli, document_admin
from atrium.manifests import ManifestDocument, ManifestError, document_digest, read_manifest
from graph.schema import create_schema
from tests.conftest import Urls
from tests.support.client import SECRET_KEY

TASKS = "query Tasks { tasks { totalCount } }"
TITLES = "query Titles { tasks { nodes { ...Title } } }\n\nfragment Title on Task { title }\n"
RENAME = "mutation Rename($input: UpdateTaskInput!) { updateTask(input: $input) { __typename } }"


def apollo(*operations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"format": "apollo-persisted-query-manifest", "version": 1, "operations": list(operations), **more}


def operation(id_: str, name: str, body: str, type_: str = "query") -> dict[str, Any]:
    return {"id": id_, "name": name, "type": type_, "body": body}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without any settings."""
    monkeypatch.chdir(tmp_path)


def write(path: Path, data: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def test_apollos_manifest_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "manifest.json", apollo(operation("a", "Tasks", TASKS)))
    assert read_manifest(path) == [ManifestDocument("a", TASKS, "query", "Tasks")]


def test_relays_and_codegens_manifests_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "persisted_queries.json", {"0b5f": TASKS, f"sha256:{document_digest(TITLES)}": TITLES})
    assert [(each.id[:6], each.source) for each in read_manifest(path)] == [("0b5f", TASKS), ("sha256", TITLES)]


def test_a_file_with_one_operation_is_its_text_to_the_last_byte(tmp_path: Path) -> None:
    write(tmp_path / "deep" / "titles.graphql", TITLES)
    write(tmp_path / "README.md", "no document")
    [found] = read_manifest(tmp_path)
    assert found == ManifestDocument(f"sha256:{document_digest(TITLES)}", TITLES)


def test_operations_take_along_the_fragments_that_they_use(tmp_path: Path) -> None:
    write(tmp_path / "queries.graphql", "query A { tasks { nodes { ...Whole } } } query B { tasks { totalCount } }")
    write(tmp_path / "fragments.gql", "fragment Whole on Task { id ...Name } fragment Name on Task { title }")
    first, second = (each.source for each in read_manifest(tmp_path))
    assert [first.count(name) for name in ("query A", "fragment Whole", "fragment Name", "query B")] == [1, 1, 1, 0]
    assert second == "query B {\n  tasks {\n    totalCount\n  }\n}"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("{", "is not JSON."),
        ([], "is no manifest"),
        ({}, "is no manifest"),
        ({"a": 5}, "is no manifest"),
        (apollo(version=2), "has another version than 1"),
        (apollo(operations={}), "has no list of operations."),
        (apollo({"id": "a"}), "operation 1 has no id or no body."),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, data: object, sentence: str) -> None:
    with pytest.raises(ManifestError) as refusal:
        read_manifest(write(tmp_path / "manifest.json", data))
    assert sentence in str(refusal.value)


def test_a_folder_with_faults_names_each(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"has no \.graphql files"):
        read_manifest(tmp_path)
    with pytest.raises(ManifestError, match="cannot be read: No such file"):
        read_manifest(tmp_path / "nothing.json")
    write(tmp_path / "a.graphql", "query {")
    write(tmp_path / "b.graphql", "fragment F on Task { id } fragment F on Task { title }")
    (tmp_path / "c.graphql").write_bytes(b"\xff")
    with pytest.raises(ManifestError) as refusal:
        read_manifest(tmp_path)
    assert len(str(refusal.value).splitlines()) == 3


def run(urls: Urls | None, *arguments: str) -> Result:
    given = {"ATRIUM_SECRET_KEY": SECRET_KEY}
    if urls is not None:
        given |= {"ATRIUM_DATABASE_URL": urls.runtime, "ATRIUM_DATABASE_OWNER_URL": urls.owner}
    return CliRunner().invoke(cli.main, list(arguments), env=given)


async def documents(urls: Urls, *arguments: str) -> Result:
    return await asyncio.to_thread(run, urls, "documents", *arguments)


async def test_documents_are_added_listed_checked_and_removed(urls: Urls, tmp_path: Path) -> None:
    manifest = write(tmp_path / "m.json", apollo(operation("a", "Tasks", TASKS), operation("b", "Titles", TITLES)))
    added = await documents(urls, "add", str(manifest))
    assert (added.exit_code, added.stderr) == (0, "2 trusted documents added, 0 were there already.\n")
    write(tmp_path / "folder" / "rename.graphql", RENAME)
    again = await documents(urls, "add", str(manifest), str(tmp_path / "folder"))
    assert again.stderr == "1 trusted documents added, 2 were there already.\n"
    listed = [json.loads(line) for line in (await documents(urls, "list")).stdout.splitlines()]
    assert [(each["id"][:6], each["operation_type"], each["operation_name"]) for each in listed] == [
        ("a", "query", "Tasks"),
        ("b", "query", "Titles"),
        ("sha256", "mutation", "Rename"),
    ]
    checked = await documents(urls, "check")
    assert (checked.exit_code, checked.stderr) == (0, "3 of 3 trusted documents fit the schema.\n")
    missing = await documents(urls, "remove", "a", "x")
    assert (missing.exit_code, missing.stderr.splitlines()) == (
        1,
        ["There is no trusted document x.", "Nothing was removed."],
    )
    assert (await documents(urls, "remove", "a", "b")).stderr == "2 trusted documents removed.\n"
    assert len((await documents(urls, "list")).stdout.splitlines()) == 1
    for wrong in (("add",), ("remove",), ("list", "a"), ("check", "a")):
        assert (await documents(urls, *wrong)).exit_code == 2


FAULTS = {
    "an unknown field": ({"a": "{ nowhere }"}, ["a: Cannot query field 'nowhere' on type 'Query'."]),
    "no GraphQL": ({"a": "{ tasks"}, ["a: Syntax Error: Expected Name, found <EOF>."]),
    "no operation": ({"a": "fragment F on Task { id }"}, ["a: A document must have one operation, with the"]),
    "two operations": ({"a": "query A { __typename } query B { __typename }"}, ["a: A document must have one"]),
    "too deep": ({"a": "{ a " * 16 + "}" * 16}, ["a: "]),
    "a wrong hash": ({f"sha256:{'0' * 64}": TASKS}, [f"sha256:{'0' * 64}: this is not the hash of its text."]),
    "no id": ({"a b": TASKS}, ["'a b' is no id"]),
    "an empty id": ({"": TASKS}, ["'' is no id"]),
    "two faults": ({"a": "{ x }", "b": "{ y }", "c": TASKS}, ["a: Cannot query", "b: Cannot query"]),
    "one id twice": (
        apollo(operation("a", "Tasks", TASKS), operation("a", "Titles", TITLES)),
        ["a: the manifest has this id more than once."],
    ),
    "another type": (apollo(operation("a", "Tasks", TASKS, "mutation")), ["a: the manifest gives the type mutation"]),
    "another name": (apollo(operation("a", "Other", TASKS)), ["a: the manifest gives the name Other"]),
    "ids that are taken": (
        {"taken": TITLES, "new": TITLES, "also": TITLES},
        ["The id taken stands for another document", "The id also stands for another document"],
    ),
}


async def test_a_manifest_with_a_fault_is_refused_whole(urls: Urls, tmp_path: Path) -> None:
    await documents(urls, "add", str(write(tmp_path / "first.json", {"taken": TASKS, "also": TASKS})))
    for name, (data, sentences) in FAULTS.items():
        refused = await documents(urls, "add", str(write(tmp_path / "m.json", data)))
        *lines, last = refused.stderr.splitlines()
        assert (refused.exit_code, last) == (1, "Nothing of this manifest was added."), name
        assert len(lines) == len(sentences), (name, lines)
        for line, sentence in zip(lines, sentences, strict=True):
            assert line.startswith(sentence), name
    left = (await documents(urls, "list")).stdout.splitlines()
    assert [json.loads(each)["id"] for each in left] == ["also", "taken"]


async def test_documents_that_a_change_breaks_are_named_with_what_they_use(
    urls: Urls, tmp_path: Path, owner_connection: Any
) -> None:
    await documents(urls, "add", str(write(tmp_path / "m.json", {"a": TASKS})))
    await owner_connection.execute(
        "INSERT INTO trusted_documents (id, sha256, operation_type, operation_name, source)"
        " VALUES ('old', repeat('0', 64), 'query', 'Old', 'query Old { tasks { nodes { id formerTitle } } }')"
    )
    expected = [
        "old Old: Cannot query field 'formerTitle' on type 'Task'.",
        "old Old uses Query.tasks, Task.formerTitle, Task.id, TaskConnection.nodes.",
        "1 of 2 trusted documents fit the schema.",
    ]
    checked = await documents(urls, "check")
    assert (checked.exit_code, checked.stderr.splitlines()) == (1, expected)
    by_schema = await asyncio.to_thread(run, urls, "schema", "--check", "--documents", "stored")
    assert (by_schema.exit_code, by_schema.stderr.splitlines()) == (1, [*expected, "The schema breaks clients."])


async def test_what_is_deprecated_is_listed_with_the_documents_that_use_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = create_schema(compiler=False)
    types: dict[str, Any] = schema.graphql.type_map
    parts = {
        "Task.title": types["Task"].fields["title"],
        "Query.tasks(last:)": types["Query"].fields["tasks"].args["last"],
        "TaskFilter.mine": types["TaskFilter"].fields["mine"],
        "TaskStatus.DONE": types["TaskStatus"].values["DONE"],
    }
    for part in parts.values():
        monkeypatch.setattr(part, "deprecation_reason", "It goes. Will be removed after 2027-03-31.")
    text = "query Old { tasks(last: 1, filter: { mine: true, status: { eq: DONE } }) { nodes { id title } } }"
    manifest = write(tmp_path / "m.json", {"old": text, "new": TASKS, "broken": "{"})
    report = await document_admin.check_schema(schema, None, str(manifest), None)
    reason = "It goes. Will be removed after 2027-03-31."
    assert [line for line in report.messages if line.startswith("Deprecated: ")] == [
        f"Deprecated: {name}: {reason}" for name in sorted(parts)
    ]
    assert [line for line in report.messages if line.startswith(("old", "new"))] == [
        f"old: The argument 'Query.tasks(last:)' is deprecated. {reason}",
        f"old: The input field TaskFilter.mine is deprecated. {reason}",
        f"old: The enum value 'TaskStatus.DONE' is deprecated. {reason}",
        f"old: The field Task.title is deprecated. {reason}",
    ]


def test_an_older_schema_is_compared(tmp_path: Path) -> None:
    text = create_schema(compiler=False).as_str()
    same = write(tmp_path / "same.graphql", text)
    assert run(None, "schema", "--check", str(same)).exit_code == 0
    old = write(tmp_path / "old.graphql", text.replace("type Task implements", "type Task implements Former &", 1))
    unreadable = run(None, "schema", "--check", str(old))
    assert (unreadable.exit_code, unreadable.stderr) == (1, f"{old} is no schema that can be read.\n")
    marker = "type Tenant implements Node {\n" if "type Tenant implements Node {\n" in text else "type Tenant {\n"
    old = write(tmp_path / "old.graphql", text.replace(marker, f"{marker}  formerName: String\n", 1))
    broken = run(None, "schema", "--check", str(old))
    assert broken.exit_code == 1
    assert broken.stderr.splitlines() == [
        "Breaking: Field Tenant.formerName was removed.",
        "The schema breaks clients.",
    ]
    manifest = write(tmp_path / "m.json", {"a": TASKS})
    good = run(None, "schema", "--check", str(old), "--documents", str(manifest))
    assert good.exit_code == 0, "no document uses the field"
    assert good.stderr.splitlines()[-1] == "1 of 1 trusted documents fit the schema."
    worse = write(tmp_path / "m.json", {"a": "query A { tenant { formerName } }"})
    assert run(None, "schema", "--check", str(old), "--documents", str(worse)).exit_code == 1
    nothing = run(None, "schema", "--documents", str(tmp_path / "nothing.json"))
    assert (nothing.exit_code, len(nothing.stderr.splitlines())) == (1, 1)
