"""The table of all settings in the documents."""

from typing import Any

from atrium.settings import PREFIX, Settings

__all__ = ["settings_table"]


def settings_table() -> str:
    """Return all settings as a Markdown table: variable, default, meaning."""
    rows = ["| Variable | Default | Meaning |", "| --- | --- | --- |"]
    rows += [
        f"| `{PREFIX}{name.upper()}` | {_default(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(rows) + "\n"


def _default(value: Any) -> str:
    return "unset" if value is None or value == () else f"`{value}`"
