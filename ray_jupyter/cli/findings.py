"""What ``doctor`` finds: one outcome per check, and for what is wrong, what to do."""

from __future__ import annotations

from dataclasses import dataclass

OK, NOTE, WARNING, FAILURE = "ok", "note", "warning", "failure"
_SIGNS = {OK: "ok  ", NOTE: "note", WARNING: "WARN", FAILURE: "FAIL"}


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        subject: what was looked at, in one word.
        outcome: ``ok``, ``note`` (nothing to do), ``warning`` (something will be missing) or
            ``failure`` (sessions cannot run).
        text: how it is.
        advice: what to do; warnings and failures have one.
    """

    subject: str
    outcome: str
    text: str
    advice: str = ""

    def __post_init__(self) -> None:
        if self.outcome in (WARNING, FAILURE) and not self.advice:
            raise ValueError(f"expected advice with a {self.outcome}, got none: {self.text!r}")

    def lines(self) -> list[str]:
        """Return how it is printed: the finding, and below it what to do."""
        first = f"{_SIGNS[self.outcome]} {self.subject:10} {self.text}"
        return [first, *([f"{'':15} -> {self.advice}"] if self.advice else [])]
