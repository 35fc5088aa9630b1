"""What the inline backend tells about itself: the part of it that changes nothing."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ray_jupyter.backends.inline_store import InlineStore, Journal
from ray_jupyter.backends.inline_tables import Tables

if TYPE_CHECKING:
    from ray_jupyter.config import Config


class InlineReports:
    """The questions of ``Backend``, answered from the tables."""

    session_id: str
    _config: Config
    _store: InlineStore
    _journal: Journal
    _tables: Tables

    def _release_dropped(self) -> None:
        """Let go of what lost its last reference; whoever has more tables does more."""
        self._store.release_dropped()

    def resources(self) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """Return (total, available): what tasks on the stack ask for is not available."""
        total = self._config.totals()
        available = dict(total)
        for template in list(self._journal.running.values()):
            for name, amount in template.resources.items():
                available[name] = max(available[name] - amount, 0.0)
        return total, available

    def nodes(self) -> list[dict[str, Any]]:
        """Return this machine, as Ray describes one."""
        return [{
            "NodeID": self.session_id, "Alive": True, "alive": True,
            "NodeManagerAddress": "127.0.0.1", "NodeManagerHostname": platform.node(),
            "Resources": self._config.totals(),
        }]  # fmt: skip

    def events(self, since: int) -> tuple[int, list[tuple[Any, ...]]]:
        """Return (next cursor, records); see ``Backend.events``."""
        return self._journal.since(since)

    def statistics(self) -> dict[str, Any]:
        """Return the counters; see ``Backend.statistics``."""
        self._release_dropped()
        return self._tables.statistics(self._config.object_store_memory_bytes)

    def query(self, question: str, argument: Any = None, timeout_s: float | None = None) -> Any:
        """Return the answer to a question; see ``Backend.query``."""
        if question in ("resources", "statistics"):
            return getattr(self, question)()
        self._release_dropped()
        answers: dict[str, Callable[[], Any]] = {
            "cell": dict,
            "cell_tasks": list,
            "failures": self._journal.failures,
            "references": self._store.references,
            "unfinished": self._journal.unfinished,
        }
        if question in answers:
            return answers[question]()
        return self._tables.answer(question, argument)
