"""Checks of arguments that several utilities share."""

from __future__ import annotations


def check_positive(name: str, value: object) -> None:
    """Check a count.

    Raises:
        TypeError: not a whole number.
        ValueError: less than 1.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value!r}")


def check_timeout(timeout_s: float | None) -> None:
    """Check a timeout.

    Raises:
        ValueError: negative.
    """
    if timeout_s is not None and not timeout_s >= 0:
        raise ValueError(f"timeout is in seconds, at least 0, or None; got {timeout_s!r}")
