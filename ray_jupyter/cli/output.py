"""How commands print: JSON, or columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ray_jupyter.status import aligned

NONE_RUNNING = "no session of this user is running here"


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_columns(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print rows below their columns' names; numbers to the right."""
    texts = [[name.upper() for name in columns]]
    texts += [[_text(row.get(name)) for name in columns] for row in rows]
    numeric = {
        place
        for place, name in enumerate(columns)
        if rows and all(isinstance(row.get(name), (int, float)) for row in rows)
    }
    print("\n".join(aligned(texts, numeric)))


def _text(value: Any) -> str:
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value)
    return " ".join(text.split())  # names and errors may hold line breaks
