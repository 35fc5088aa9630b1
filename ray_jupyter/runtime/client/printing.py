"""What tasks print, where no notebook shows it: lines in this process, each saying whose it is."""

from __future__ import annotations

import codecs
import sys
import traceback
from collections.abc import Callable

from ray_jupyter.runtime.protocol.output import STDOUT, Output

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
            self.show(outputs)
        except Exception:
            traceback.print_exc()


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
            _, task_id, name, pid, stream, _ = output
            text = self._decoder.text(output)
            whose, begun = self._partial.pop((pid, stream), (task_id, ""))
            if begun:
                text = f"{begun}{text}" if whose == task_id else f"{begun}\n{text}"
            *lines, rest = text.split("\n")
            prefix = f"({name} pid={pid}) " if name else f"(pid={pid}) "
            if rest:
                self._partial[pid, stream] = (task_id, rest)
            if lines:
                where = sys.stdout if stream == STDOUT else sys.stderr
                where.write("".join(f"{prefix}{line}\n" for line in lines))
                where.flush()
