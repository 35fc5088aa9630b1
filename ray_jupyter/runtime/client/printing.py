"""What tasks print, where no notebook shows it: lines in this process, each saying whose it is."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Callable

from ray_jupyter.runtime.protocol.output import FAILURE, RICH, STDERR, Output

_new_decoder = codecs.getincrementaldecoder("utf-8")


class Listener:
    """Takes what tasks print and hands it on.

    Attributes:
        show: what is done with it; called in whatever thread receives.
    """

    def __init__(self) -> None:
        self.show: Callable[[list[Output]], object] = LinePrinter()

    def __call__(self, outputs: list[Output]) -> None:
        """Show it; a closed stdout or a broken front end must not end the receiving."""
        try:
            self.show([_readable(o) if o[4] == FAILURE else o for o in outputs])
        except Exception:
            import traceback

            traceback.print_exc()


def _readable(output: Output) -> Output:
    from ray_jupyter.runtime.client.task_errors import text_of_task_error  # heavy, and rarely used

    root, task_id, name, _, _, data = output
    text = unseen_text(name, text_of_task_error(data))
    return root, task_id, "", 0, STDERR, text.encode()


def unseen_text(name: str, said: str) -> str:
    """Return what is printed of an error that nobody asked for; nothing if that is not wanted."""
    if os.environ.get("RAY_IGNORE_UNHANDLED_ERRORS") == "1":
        return ""
    said = said.replace("\n", "\n    ")
    return f"{name} failed, and nobody asked for its result: {said}\n"


def plain_text(rich: bytes) -> str:
    """Return what stands for something rich where only text can be shown."""
    import json

    _, content = json.loads(rich)
    return str(content.get("data", {}).get("text/plain", ""))


class Decoder:
    """Bytes of many pipes to text; a character that was cut waits for its rest."""

    def __init__(self) -> None:
        self._decoders: dict[tuple[int, int], codecs.IncrementalDecoder] = {}

    def text(self, output: Output) -> str:
        """Return the text of one output; what is not UTF-8 becomes replacement characters."""
        *_, pid, stream, data = output
        decoder = self._decoders.get((pid, stream))
        if decoder is None:
            decoder = self._decoders[pid, stream] = _new_decoder("replace")
        return decoder.decode(data)


class LinePrinter:
    """Prints whole lines as ``(name pid=123) line``, as Ray does.

    What has no end yet is kept until it has one, or until another task prints.
    """

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._partial: dict[tuple[int, int], tuple[int, str]] = {}

    def __call__(self, outputs: list[Output]) -> None:
        """Print each output to the stream it was written to."""
        for output in outputs:
            _, task_id, name, pid, stream, data = output
            text = f"{plain_text(data)}\n" if stream == RICH else self._decoder.text(output)
            whose, begun = self._partial.pop((pid, stream), (task_id, ""))
            if begun:
                text = f"{begun}{text}" if whose == task_id else f"{begun}\n{text}"
            *lines, rest = text.split("\n")
            prefix = f"({name} pid={pid}) " if name else f"(pid={pid}) " if pid else ""
            if rest:
                self._partial[pid, stream] = (task_id, rest)
            if lines:
                where = sys.stderr if stream == STDERR else sys.stdout
                where.write("".join(f"{prefix}{line}\n" for line in lines))
                where.flush()
