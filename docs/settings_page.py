"""The tables of settings.md: every setting with its default and its limits, in the words of the JSON Schema.

python docs/settings_page.py        from the project's root; `make docs` does
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jepa_world_model.presets import PRESETS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "settings.md"
SCHEMA = ROOT / "jepa_world_model" / "config.schema.json"
TABLE = re.compile(r"(<!-- settings (\w+) -->\n).*?(?=<!-- /settings -->)", re.DOTALL)
TABLES_OF_PRESETS = {"LossWeights": "losses", "TrainConfig": "train", "ModelConfig": "model", "DataConfig": "data"}
LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def with_tables(page: str) -> str:
    """The page with its tables as they are now."""
    tables = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    return TABLE.sub(lambda found: "\n".join([found[1], *_rows(found[2], tables[found[2]]), "", ""]), page)


def _rows(name: str, table: Mapping[str, Any]) -> Iterator[str]:
    recommended = PRESETS["recommended"].get(TABLES_OF_PRESETS.get(name, ""), {})
    yield "| key | default | recommended | values | meaning |"
    yield "| --- | --- | --- | --- | --- |"
    for key, schema in table["properties"].items():
        default = "" if schema["default"] is None else json.dumps(schema["default"])
        other = json.dumps(recommended[key]) if key in recommended else ""
        yield f"| `{key}` | {default} | {other} | {_values(schema)} | {schema['description']} |"


def _values(schema: Mapping[str, Any]) -> str:
    """``integer ≥ 1``, ``auto, cpu, cuda, mps``."""
    if "anyOf" in schema:
        return " or ".join(_values(each) for each in schema["anyOf"] if each["type"] != "null")
    if "enum" in schema:
        return ", ".join(schema["enum"])
    if schema["type"] == "array":
        return f"list of {_values(schema['items'])}"
    limits = [f" {sign} {schema[limit]:.10g}" for limit, sign in LIMITS.items() if limit in schema]
    return schema["type"] + ",".join(limit for limit in limits if float(limit.split()[1]) < 2**62)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
