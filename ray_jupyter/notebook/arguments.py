"""The option lines of the magics: one parser, values that may be variables, sizes.

Lives here: turning text into checked values, and every mistake into a ``UsageError`` that
says what to type. Does not: what the magics do with them.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import shlex
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, NoReturn, TypeVar

from IPython.core.error import UsageError

from ray_jupyter.config import parse_size
from ray_jupyter.options import did_you_mean

_F = TypeVar("_F", bound=Callable[..., Any])


class MagicParser(argparse.ArgumentParser):
    """An argument parser for one magic: exact option names, ``UsageError`` for mistakes.

    Abbreviations are refused, because with them every prefix of an option's name becomes
    part of the interface.
    """

    def __init__(self, magic: str) -> None:
        super().__init__(prog=magic, add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Refuse the line; argparse itself would end the process.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{self.prog}: {message} (help: {self.prog}?)")

    def option_names(self) -> list[str]:
        """Return every spelling of every option."""
        return sorted(self._option_string_actions)

    def parse_line(self, line: str) -> argparse.Namespace:
        """Parse what stands behind the magic's name; names and options may be mixed.

        Raises:
            UsageError: unbalanced quotes, unknown options, missing or surplus values.
        """
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            self.error(f"cannot split {line!r}: {error}")
        arguments, unknown = self.parse_known_intermixed_args(words)
        if unknown:
            option = unknown[0].split("=")[0]
            kind = "option" if option.startswith("-") else "argument"
            self.error(f"unknown {kind} {option}{did_you_mean(option, self.option_names())}")
        return arguments


def explained_by(parser: MagicParser) -> Callable[[_F], _F]:
    """Add the parser's help to the docstring, which is what ``%magic?`` shows."""

    def explain(function: _F) -> _F:
        function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\n{parser.format_help()}"
        return function

    return explain


def number(option: str, text: str, variables: Mapping[str, Any]) -> int | float:
    """Return the number that ``text`` is or that the variable of that name holds.

    Raises:
        UsageError: it is neither.
    """
    value = _literal_or_variable(option, text, variables, "a number")
    if isinstance(value, bool) or not isinstance(value, Real):
        raise _wrong(option, "a number", text, value)
    return int(value) if isinstance(value, Integral) else float(value)


def whole_number(option: str, text: str, variables: Mapping[str, Any]) -> int:
    """Return the whole number that ``text`` is or names.

    Raises:
        UsageError: it is not a whole number.
    """
    value = number(option, text, variables)
    if not isinstance(value, int):
        raise _wrong(option, "a whole number", text, value)
    return value


def size_bytes(option: str, text: str, variables: Mapping[str, Any]) -> int:
    """Return bytes for ``"2GB"`` (10⁹), ``"2GiB"`` (2³⁰), a plain number or a variable.

    Raises:
        UsageError: it is none of these.
    """
    try:
        return parse_size(text)
    except ValueError:
        value = _literal_or_variable(option, text, variables, "a size such as 2GB")
    try:
        return parse_size(value)
    except (TypeError, ValueError):
        raise _wrong(option, "a size such as 2GB", text, value) from None


def amounts(option: str, text: str, variables: Mapping[str, Any]) -> dict[str, float]:
    """Return ``{"k": v, …}`` for ``"k=v,k=v"``, or the dictionary of the variable named.

    Raises:
        UsageError: neither, or a value is not a number.
    """
    if "=" not in text:
        value = _literal_or_variable(option, text, variables, "NAME=AMOUNT,…")
        if not isinstance(value, dict):
            raise _wrong(option, "NAME=AMOUNT,… or a dictionary", text, value)
        return value
    pairs = (item.partition("=") for item in text.split(","))
    return {
        name.strip(): number(f"{option} {name}", amount, variables) for name, _, amount in pairs
    }


def check_names(what: str, names: Sequence[str], known: Sequence[str]) -> None:
    """Refuse names that are not known.

    Raises:
        UsageError: names the first unknown one, and the nearest known.
    """
    for name in names:
        if name not in known:
            found = ", ".join(known) or "none"
            raise UsageError(
                f"{what}: expected names of definitions in this cell ({found}), "
                f"got {name}{did_you_mean(name, known)}"
            )


def _literal_or_variable(
    option: str, text: str, variables: Mapping[str, Any], expected: str
) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        if text in variables:
            return variables[text]
    raise UsageError(
        f"{option}: expected {expected} or the name of a variable that holds one, "
        f"got {text}{did_you_mean(text, variables)}"
    ) from None


def _wrong(option: str, expected: str, text: str, value: object) -> UsageError:
    origin = f" (the value of {text})" if text.isidentifier() else ""
    return UsageError(f"{option}: expected {expected}, got {value!r}{origin}")
