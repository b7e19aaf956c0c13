"""What generators make of schema.graphql and of an operation for every root field fits, and the samples fit it."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.client_scenarios import CLIENTS, run_command
from tests.support.source_files import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_the_schema_keeps_to_the_rules_for_schemas_and_for_relay(
    node: Path, packages: Path, tmp_path: Path
) -> None:
    (tmp_path / "node_modules").symlink_to(packages)
    for source in (ROOT / "schema.graphql", CLIENTS / "eslint.config.js", CLIENTS / "package.json"):
        shutil.copy(source, tmp_path)
    await run_command([node, "node_modules/eslint/bin/eslint.js", "schema.graphql"], tmp_path)


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
    }
    (workshop / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["samples", "*.ts"]}))
    await run_command([node, "node_modules/typescript/bin/tsc", "-p", "."], workshop)
