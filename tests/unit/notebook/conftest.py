"""An IPython shell in this process, with the extension loaded and tasks run inline."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import ray_jupyter as ray


@dataclass
class Outcome:
    """What a cell did.

    Attributes:
        value: of the trailing expression, as displayed; ``None`` when silenced.
        out: everything it printed, the displayed value and its traceback included.
        error: what it raised.
    """

    value: Any
    out: str
    error: BaseException | None


@dataclass
class Notebook:
    """Runs cells as a front end would: counted, with history."""

    shell: InteractiveShell
    captured: Callable[[], Any]

    def try_run(self, cell: str) -> Outcome:
        result = self.shell.run_cell(cell, store_history=True)
        streams = self.captured()
        error = result.error_before_exec or result.error_in_exec
        return Outcome(result.result, streams.out + streams.err, error)

    def run(self, cell: str) -> Outcome:
        outcome = self.try_run(cell)
        assert outcome.error is None, outcome.out
        return outcome

    def fails(self, cell: str) -> Outcome:
        outcome = self.try_run(cell)
        assert outcome.error is not None, f"expected an error, got {outcome}"
        return outcome

    def completions(self, text: str) -> list[str]:
        with provisionalcompleter():
            return [c.text for c in self.shell.Completer.completions(text, len(text))]

    @property
    def variables(self) -> dict[str, Any]:
        return self.shell.user_ns


@pytest.fixture
def bare_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Notebook]:
    """A shell without the extension."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    # The one instance, because the traceback printer asks it for the numbers of cells.
    InteractiveShell.clear_instance()
    yield Notebook(InteractiveShell.instance(config=config), capsys.readouterr)
    ray.shutdown()
    InteractiveShell.clear_instance()


@pytest.fixture
def notebook(bare_notebook: Notebook) -> Notebook:
    """A shell with the extension loaded and nothing running."""
    bare_notebook.run("%load_ext ray_jupyter")
    return bare_notebook


@pytest.fixture
def inline(notebook: Notebook) -> Notebook:
    """A shell with the extension loaded and a session that runs tasks in this process."""
    notebook.run("%ray_start --inline -n 2 --quiet")
    return notebook
