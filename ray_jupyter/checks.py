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
        TypeError: not a number.
        ValueError: negative.
    """
    said = f"timeout is in seconds, at least 0, or None; got {timeout_s!r}"
    try:
        is_fine = timeout_s is None or timeout_s >= 0
    except TypeError:
        raise TypeError(said) from None
    if not is_fine:
        raise ValueError(said)
