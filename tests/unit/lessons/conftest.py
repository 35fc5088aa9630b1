"""The modules beside the notebooks can be imported, as the notebooks do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "notebooks"


@pytest.fixture(scope="session", autouse=True)
def lessons_on_path() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield
        for name in ("archives", "convnets", "keyboard", "pong", "sketch"):
            sys.modules.pop(name, None)
