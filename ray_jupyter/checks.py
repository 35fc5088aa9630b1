"""Checks of arguments that the API and its utilities share."""

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


def check_timeout(timeout_s: float | None, caller: str = "") -> None:
    """Check a timeout.

    Args:
        timeout_s: what was given.
        caller: the function that got it, to be named.

    Raises:
        TypeError: not a number.
        ValueError: negative.
    """
    kind: type[Exception] = ValueError
    try:
        if timeout_s is None or timeout_s >= 0:
            return
    except TypeError:
        kind = TypeError
    wanted = "in seconds, at least 0, or None"
    if caller:
        raise kind(f"{caller}() got timeout={timeout_s!r}; it is {wanted}")
    raise kind(f"timeout is {wanted}; got {timeout_s!r}")
