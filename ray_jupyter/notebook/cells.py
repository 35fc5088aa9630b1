"""Which cell is running, and which one a task was submitted in.

What a task submits belongs to the cell of the task, of the driver, that it descends from: its *root*.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ray_jupyter import session
from ray_jupyter.backends.base import Backend
from ray_jupyter.notebook import Shell
from ray_jupyter.notebook.lines import Budget


@dataclass(eq=False)
class Cell:
    """One run of a cell.

    Attributes:
        header: what a front end knows it by; empty without one.
        number: the ``n`` of ``In[n]``; 0 while it runs.
        name: what the front end calls the cell; two runs of a cell have the same.
        label: ``[n]``, also while it runs.
        id: of the session; 0 while there is none.
        session_id: the session that was there when it began, or that it started.
    """

    header: dict[str, Any] = field(default_factory=dict)
    number: int = 0
    name: str = ""
    label: str = ""
    id: int = 0
    session_id: str = ""
    budget: Budget = field(default_factory=Budget)
    """What it may still show of what its tasks print."""

    @property
    def is_of_this_session(self) -> bool:
        """Whether its tasks are those of the session that runs."""
        return session.current is not None and session.current.session_id == self.session_id


class Cells:
    """The cells of a shell, in order.

    Attributes:
        current: the one that runs, or ran last.
    """

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        # Newer versions of IPython count a cell before it runs, older ones after it. This runs in
        # a cell, whose source is the last that was stored.
        number = len(shell.history_manager.input_hist_parsed) - 1
        self._counted_ahead = max(0, min(1, shell.execution_count - number))
        self.current = Cell()
        self._backend: Backend | None = None
        self._by_id: dict[int, Cell] = {}

    def begin(self) -> None:
        """A cell begins: what is submitted from now on belongs to it."""
        header = self._shell.get_parent() if hasattr(self._shell, "kernel") else {}
        number = self._shell.execution_count - self._counted_ahead
        name = header.get("metadata", {}).get("cellId") or f"In[{number}]"
        self.current = Cell(header, name=name, label=f"[{number}]")
        if session.current is not None:
            self.attach(session.current)

    def end(self, number: int) -> None:
        """The cell has ended; only now do all versions of the shell agree on its number."""
        self.current.number = number

    def attach(self, backend: Backend) -> None:
        """The session is there, perhaps only now; see ``session.on_attach``."""
        if backend is not self._backend:
            self._backend, self._by_id = backend, {}
        cell = self.current
        cell.id, cell.session_id = backend.begin_cell(), backend.session_id
        self._by_id[cell.id] = cell

    def of(self, root: int) -> Cell:
        """Return the cell of a task; the current one if it is none of ours."""
        return self.which(root) or self.current

    def which(self, object_id: int) -> Cell | None:
        """Return the cell that made an object of ours, or submitted the task that does."""
        found = self._backend.cell_of(object_id) if self._backend is not None else None
        return self._by_id.get(found) if found else None

    def newest_first(self) -> list[Cell]:
        """Return the cells of this session."""
        return list(self._by_id.values())[::-1]

    def numbered(self, number: int) -> Cell | None:
        """Return the last run of ``In[number]`` in this session."""
        return next((cell for cell in self.newest_first() if cell.number == number), None)
