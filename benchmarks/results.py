"""The samples of a run, and what stands for them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.metrics import METRICS


@dataclass(frozen=True)
class Sample:
    """One metric of one system in one round."""

    system: str
    metric: str
    round: int
    figure: float


@dataclass
class Results:
    """Everything a run has found."""

    about: dict[str, Any]
    """Machine, date, versions, repeats."""
    samples: list[Sample] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    """``"system/case"`` to the last error."""
    missing: list[str] = field(default_factory=list)
    """Systems that are not installed."""

    def add(self, system: str, round_number: int, metrics: dict[str, float]) -> None:
        """Note what one case has found."""
        for metric, figure in metrics.items():
            self.samples.append(Sample(system, metric, round_number, figure))

    def figure(self, system: str, metric: str) -> float | None:
        """What stands in one cell of the table, if anything was measured."""
        figures = [s.figure for s in self.samples if (s.system, s.metric) == (system, metric)]
        return METRICS[metric].summary(figures) if figures else None

    def systems(self, candidates: Iterable[str]) -> list[str]:
        """Those of ``candidates`` that have samples."""
        present = {sample.system for sample in self.samples}
        return [name for name in candidates if name in present]

    def save(self, path: Path) -> None:
        """Write everything as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Results:
        """What ``save`` has written."""
        data = json.loads(path.read_text(encoding="utf-8"))
        data["samples"] = [Sample(**sample) for sample in data["samples"]]
        return cls(**data)
