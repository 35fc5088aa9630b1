"""TAB completes the options of our magics.

IPython asks the ``complete_command`` hooks of the word that starts the line. There is no
public way to remove one, hence ``remove``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ray_jupyter.notebook import Shell

if TYPE_CHECKING:
    from ray_jupyter.notebook.arguments import MagicParser

_HOOK = "complete_command"
_Completer = Callable[[Any, Any], list[str]]


def install(shell: Shell, parsers: Mapping[str, MagicParser]) -> Callable[[], None]:
    """Complete the options of each magic by its parser; return what removes this again."""
    completers = {magic: _completer(parser) for magic, parser in parsers.items()}
    for magic, completer in completers.items():
        shell.set_hook(_HOOK, completer, str_key=magic)

    def remove() -> None:
        for magic, completer in completers.items():
            chain = shell.strdispatchers[_HOOK].strs[magic].chain
            # The shell has bound the hook to itself, as a method.
            chain[:] = [entry for entry in chain if entry[1].__func__ is not completer]

    return remove


def _completer(parser: MagicParser) -> _Completer:
    def complete(shell: object, event: Any) -> list[str]:
        return [name for name in parser.option_names() if name.startswith(event.symbol)]

    return complete
