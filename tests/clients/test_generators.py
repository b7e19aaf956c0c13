"""What generators make of schema.graphql and of an operation for every root field fits, and the samples fit it."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.client_scenarios import CLIENTS, run_command
from tests.support.source_files import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def lint(schema: str, node: Path, packages: Path, folder: Path) -> None:
    """Lint a schema.

    Raises:
        AssertionError: it breaks rules; has which.
    """
    (folder / "node_modules").symlink_to(packages)
    for name in ("eslint.config.js", "package.json"):
        shutil.copy(CLIENTS / name, folder)
    (folder / "schema.graphql").write_text(schema, encoding="utf-8")
    await run_command([node, "node_modules/eslint/bin/eslint.js", "schema.graphql"], folder)


async def test_the_schema_keeps_to_the_rules_for_schemas_and_for_relay(
    node: Path, packages: Path, tmp_path: Path
) -> None:
    await lint((ROOT / "schema.graphql").read_text(encoding="utf-8"), node, packages, tmp_path)


async def test_what_breaks_the_rules_is_seen(node: Path, packages: Path, tmp_path: Path) -> None:
    schema = (ROOT / "schema.graphql").read_text(encoding="utf-8")
    worse = schema.replace("type Task implements Node {", "type Task {").replace("  first: Int\n", "  first: String\n")
    with pytest.raises(AssertionError) as refused:
        await lint(worse, node, packages, tmp_path)
    assert "field `node` must implement `Node`" in str(refused.value)
    assert "relay-arguments" in str(refused.value)


async def test_samples_and_generated_files_have_the_types_that_they_say(node: Path, workshop: Path) -> None:
    options = {
        "strict": True,
        "noEmit": True,
        "module": "nodenext",
        "target": "es2024",
        "lib": ["es2024", "dom", "dom.iterable"],
        "types": [],
        "resolveJsonModule": True,
        "allowImportingTsExtensions": True,
        "erasableSyntaxOnly": True,
        "skipLibCheck": True,
        "jsx": "react-jsx",
    }
    (workshop / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["samples", "*.ts"]}))
    await run_command([node, "node_modules/typescript/bin/tsc", "-p", "."], workshop)
