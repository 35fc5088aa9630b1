"""A page with a recorded session: ``make replay``. For working on the views, and for pictures.

::

    python -m ray_jupyter.dashboard.replay              # the recording of the tests
    python -m ray_jupyter.dashboard.replay --record F   # run a small pipeline, write what the feed sent

Lives here: recording, and the page. Does not: playing (``labextension/src/hosts/replay.ts``).
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
import webbrowser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ray_jupyter import api, session
from ray_jupyter.dashboard import frames
from ray_jupyter.dashboard.feed import Feed
from ray_jupyter.dashboard.output import static_text
from ray_jupyter.dashboard.report import script_of
from ray_jupyter.remote import remote

RECORDING = Path(__file__).parents[2] / "labextension" / "test" / "recording.json"
_WORKERS = 3


def record(parts: int = 60) -> dict[str, Any]:
    """Run a pipeline; return the frames of it, and the kernel's own state at the end."""
    seen: list[frames.Frame] = []
    with api.init(num_cpus=_WORKERS):
        feed = Feed()
        backend = session.connected()
        run = {"id": backend.begin_cell(), "session_id": backend.session_id}
        feed.begin_cell(SimpleNamespace(**run, name="cell-1", label="[3]"))
        feed.attach(seen.append)
        api.wait(_pipeline(parts), num_returns=parts // 4)
        feed.stop()
        last = feed.snapshot()
    assert last is not None
    model = feed.model
    assert model is not None
    seen.append(frames.delta(model, last["seq"] + 1, last["now_us"], model.bins.width_us))
    return {"frames": seen, "last": last}


def _pipeline(parts: int) -> list[Any]:
    @remote
    def load(part: int) -> bytes:
        time.sleep(random.uniform(0.01, 0.05))
        return bytes(200_000)

    @remote
    def clean(block: bytes, part: int) -> bytes:
        time.sleep(random.uniform(0.02, 0.08))
        if part == 20:
            raise ValueError("part 20 has no <b>date</b> column")
        return block[:50_000]

    @remote
    def train(seed: int, *blocks: bytes) -> int:
        time.sleep(random.uniform(0.1, 0.3))
        return seed

    blocks = [clean.remote(load.remote(part), part) for part in range(parts)]
    return [train.remote(i, *blocks[4 * i : 4 * i + 4]) for i in range(parts // 4)]


def page(recording: dict[str, Any]) -> str:
    """Return the page that plays a recording."""
    module = static_text("dashboard.js")
    if not module:
        raise FileNotFoundError("the front end is not built: run python labextension/front_end.py")
    play = (
        "const frames = data.frames;"
        "const replay = new dashboard.Replay(frames);"
        "dashboard.mount(document.getElementById('dashboard'), replay);"
        "const slider = document.getElementById('slider'); slider.max = frames.length;"
        "slider.oninput = () => replay.jump(Number(slider.value));"
        "document.getElementById('play').onclick = () => { replay.jump(1); replay.play(); };"
        "replay.play();"
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>ray_jupyter: replay</title>'
        '<meta name="color-scheme" content="light dark">'
        "<style>body{margin:12px;font-family:system-ui}#dashboard{height:calc(100vh - 64px)}</style>"
        '</head><body><p><button id="play">Play again</button> <input id="slider" type="range" min="1" '
        'aria-label="Frame"></p><div id="dashboard"></div>'
        f"{script_of(module, recording, play)}</body></html>"
    )


def main(arguments: list[str] | None = None) -> None:
    """Record, or write the page and open it."""
    parser = argparse.ArgumentParser(prog="python -m ray_jupyter.dashboard.replay")
    parser.add_argument("recording", nargs="?", type=Path, default=RECORDING)
    parser.add_argument("--record", metavar="FILE", type=Path, help="write a new recording")
    parser.add_argument("--page", metavar="FILE", type=Path, help="write the page, open nothing")
    asked = parser.parse_args(arguments)
    if asked.record is not None:
        asked.record.write_text(json.dumps(record(), separators=(",", ":")))
        return
    path = asked.page or Path(tempfile.mkdtemp()) / "replay.html"
    path.write_text(page(json.loads(asked.recording.read_text())), encoding="utf-8")
    print(path)
    if asked.page is None:
        webbrowser.open(path.resolve().as_uri())


if __name__ == "__main__":
    main()
