"""The drawings of *About the system*: ``python docs/pictures/draw.py`` writes them all.

Lives here: what each shows. Does not: how drawings look (``canvas``). A test runs this and
compares, so a drawing changes here or not at all.
"""

# A drawing is a table of boxes and arrows, one a line.
# fmt: off

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from canvas import Canvas

FOLDER = Path(__file__).parent


def processes() -> Canvas:
    """Return who there is, who talks to whom, and who was forked from whom."""
    c = Canvas(
        720, 400, "The processes of a session",
        "The driver talks to the scheduler, the scheduler to every worker, each over one Unix "
        "stream. The scheduler forked the template, the template forks workers. All map one "
        "segment of memory.",
    )
    c.box(20, 60, 170, 110, "driver", "your notebook's kernel,", "or your script", "with a client inside", kind="you")
    c.box(275, 60, 170, 110, "scheduler", "queues, counts, places", "nothing of your code", kind="decide")
    c.box(275, 225, 170, 66, "template", "one thread,", "everything imported", kind="plain")
    c.box(530, 60, 170, 66, "worker", "runs tasks", kind="work")
    c.box(530, 142, 170, 66, "worker", "runs tasks", kind="work")
    c.box(530, 225, 170, 66, "worker", "is an actor", kind="work")
    c.box(275, 12, 170, 30, "", "door: a private socket", kind="plain")
    c.words(20, 31, "command line, other drivers")
    c.arrow((205, 27), (273, 27), dashed=True)
    c.arrow((192, 110), (273, 110), both=True)
    c.words(232, 100, "stream", anchor="middle")
    c.arrow((447, 93), (528, 93), both=True)
    c.arrow((447, 110), (487, 110), (487, 175), (528, 175), both=True)
    c.arrow((447, 127), (470, 127), (470, 250), (528, 250), both=True)
    c.words(487, 84, "streams", anchor="middle")
    c.arrow((360, 172), (360, 223), dashed=True)
    c.words(352, 202, "forked", anchor="end")
    c.arrow((447, 272), (528, 272), dashed=True)
    c.words(487, 289, "forks", anchor="middle")
    c.box(
        20, 335, 680, 48, "segment",
        "sparse memory without a name: large values lie here once, and everybody maps it", kind="memory",
    )
    c.arrow((105, 172), (105, 333))
    c.arrow((615, 293), (615, 333))
    c.words(113, 320, "maps")
    c.words(623, 320, "map")
    return c


def scheduler() -> Canvas:
    """Return the states of a task, and what makes it go from one to the next."""
    c = Canvas(
        720, 392, "The life of a task",
        "A submitted task waits for its arguments, then in the queue of its shape for a worker, is "
        "sent to one, runs, and is finished or failed. It may come back to the queue.",
    )
    steps = [
        ("PENDING_ARGS_AVAIL", "waits for the refs it was given", "decide"),
        ("PENDING_NODE_ASSIGNMENT", "in the queue of its shape", "decide"),
        ("SUBMITTED_TO_WORKER", "sent, perhaps ahead of time", "work"),
        ("RUNNING", "the oldest that its worker has", "work"),
    ]
    for row, (state, meaning, kind) in enumerate(steps):
        c.box(220, 40 + 70 * row, 270, 48, state, meaning, kind=kind)
        c.arrow((355, 26 if not row else 18 + 70 * row), (355, 38 + 70 * row))
    c.words(355, 20, "f.remote(x)", look="code", anchor="middle")
    c.box(220, 326, 125, 48, "FINISHED", "results are there")
    c.box(365, 326, 125, 48, "FAILED", "results are errors", kind="bad")
    c.arrow((282, 300), (282, 324))
    c.arrow((428, 300), (428, 324))
    c.arrow((218, 274), (150, 274), (150, 146), (218, 146))
    c.words(20, 248, "its worker died:", "again, at most", "max_retries times")
    c.arrow((218, 204), (180, 204), (180, 126), (218, 126), dashed=True)
    c.words(20, 110, "taken back, for a", "worker that is idle")
    c.arrow((492, 134), (515, 134), (515, 74), (492, 74), dashed=True)
    c.words(522, 102, "what it needs is lost", "and is made again")
    c.arrow((492, 56), (700, 56), (700, 350), (492, 350))
    c.words(692, 290, "what it needs failed,", "or it is cancelled", anchor="end")
    return c


def object_store() -> Canvas:
    """Return how a large value gets into the segment and out again."""
    c = Canvas(
        720, 400, "A large value goes through the object store",
        "The writer asks the scheduler for an extent, copies the value there and seals it. The "
        "reader gets the address and looks at the very same bytes.",
    )
    c.box(20, 20, 190, 84, "writer", "ray.put(array), or a task", "that returns an array", kind="you")
    c.box(265, 20, 190, 84, "scheduler", "knows which extent", "is whose", kind="decide")
    c.box(510, 20, 190, 84, "reader", "ray.get(ref), or a task", "that takes the ref", kind="work")
    for number, start, end, words_at, anchor in (
        ("1", (212, 44), (263, 44), (237, 36), "middle"),
        ("2", (263, 64), (212, 64), (252, 80), "middle"),
        ("4", (212, 90), (263, 90), (237, 106), "middle"),
        ("5", (457, 62), (508, 62), (482, 54), "middle"),
        ("3", (115, 106), (115, 178), (123, 146), "start"),
        ("6", (605, 178), (605, 106), (613, 146), "start"),
    ):
        c.arrow(start, end)
        c.words(*words_at, number, anchor=anchor, look="title")
    c.cells(20, 180, 48, [
        (190, "the value", "memory"),
        (90, "a value", "memory"),
        (120, "free, warm:\nwritten before", "plain"),
        (90, "a value", "memory"),
        (190, "free, cold:\nno memory behind it", "plain"),
    ])
    c.arrow((605, 178), (605, 168), (150, 168), (150, 179), dashed=True)
    for x, step in (
        (20, "1 asks for room"), (145, "2 gets an extent"), (275, "3 copies"), (350, "4 seals"),
        (425, "5 gets the address"), (562, "6 looks at the bytes"),
    ):
        c.words(x, 252, step)
    c.words(20, 288, "When there is no room:", look="title")
    c.cells(20, 300, 82, [
        (165, "give warm pages\nback to the system", "memory"),
        (195, "write to disk what nobody\nlooks at, least recently\nused first", "memory"),
        (170, "wait for tasks to end,\n3 s at most", "memory"),
        (150, "ObjectStoreFullError:\nwho looks at what", "bad"),
    ])
    return c


def references() -> Canvas:
    """Return who may hold an object, and who its memory."""
    c = Canvas(
        720, 370, "Who holds an object, and who its memory",
        "References in processes, unfinished tasks, closures, other objects, restartable actors and "
        "failed tasks hold an object. Views hold its memory only.",
    )
    holders = [
        ("processes", "the driver, a worker", "you"),
        ("unfinished tasks", "as an argument, or inside one", "decide"),
        ("functions", "in globals or closure", "decide"),
        ("other objects", "a list of refs", "decide"),
        ("actors that may restart", "for their constructor", "work"),
        ("failed tasks", "that could run again", "bad"),
    ]
    for row, (who, how, kind) in enumerate(holders):
        y = 36 + row * 55
        c.box(20, y, 230, 44, who, how, kind=kind)
        c.arrow((252, y + 22), (300, y + 22), (300, 150), (338, 150))
    c.words(20, 22, "count as holders:", look="title")
    c.box(340, 110, 160, 80, "object", "its holders, counted", "by the scheduler", kind="decide")
    c.arrow((502, 150), (538, 150))
    c.box(540, 110, 160, 80, "its memory", "an extent, or a file,", "or bytes in a message", kind="memory")
    c.box(540, 250, 160, 62, "views", "arrays made by get,", "their slices", kind="you")
    c.arrow((620, 248), (620, 192))
    c.words(628, 226, "pin it")
    c.words(340, 222, "no holder: the object", "goes")
    c.words(340, 280, "no object and no view:", "the memory is free")
    return c


def serialization() -> Canvas:
    """Return which pickler a value takes, and what its bytes look like."""
    c = Canvas(
        720, 390, "From a value to bytes",
        "Plain values and arrays of numbers take the C pickler, everything else cloudpickle; "
        "buffers stay outside of the pickle. Small values travel in messages, large ones lie in the "
        "segment.",
    )
    c.box(20, 74, 100, 60, "value", kind="you")
    c.box(190, 20, 250, 48, "numbers, text, bytes;", "small lists and dicts of them")
    c.box(190, 80, 250, 48, "numpy array of numbers")
    c.box(190, 140, 250, 48, "everything else", "functions, your classes, data frames")
    for y in (44, 104, 164):
        c.arrow((122, 104), (155, 104), (155, y), (188, y))
    c.box(520, 20, 180, 48, "C pickler", kind="work")
    c.box(520, 80, 180, 48, "C pickler", "its bytes stay outside", kind="work")
    c.box(520, 140, 180, 48, "cloudpickle", "arrays' bytes stay outside", kind="work")
    for y in (44, 104, 164):
        c.arrow((442, y), (518, y))
    c.words(20, 226, "The bytes:", look="title")
    c.cells(20, 238, 44, [
        (150, "header: sizes", "plain"),
        (180, "pickle", "work"),
        (30, "", "plain"),
        (160, "buffer of an array", "memory"),
        (30, "", "plain"),
        (130, "another buffer", "memory"),
    ])
    c.words(20, 302, "each buffer begins at a multiple of 64 bytes; without buffers the pickle stands alone")
    c.box(20, 322, 320, 52, "up to 100 kB", "travels inside messages, copied", kind="decide")
    c.box(380, 322, 320, 52, "above", "lies in the segment; get gives a view", kind="memory")
    return c


def failures() -> Canvas:
    """Return who notices which end, by what."""
    c = Canvas(
        720, 380, "Who notices which end",
        "Each process is watched from two sides: by the end of its stream and by the operating system. "
        "The end of the driver ends the scheduler, that of the scheduler everything below it.",
    )
    c.box(20, 30, 180, 76, "driver", "ends, crashes, is killed", kind="you")
    c.box(20, 152, 180, 76, "scheduler", "ends: the session is over", kind="decide")
    c.box(20, 274, 180, 76, "template and workers", "end with what is above", kind="work")
    c.arrow((110, 150), (110, 108), both=True)
    c.arrow((110, 272), (110, 230), both=True)
    c.words(118, 134, "stream")
    c.words(118, 256, "streams")
    ends = [
        (30, 76, 68, 68, "the driver ends", "seen by the end of its stream, and a handle on the",
         "process (pidfd): the whole process group is killed"),
        (128, 76, 172, 184, "the scheduler ends", "children get SIGKILL from the kernel (parent-death",
         "signal); every waiting call raises RaySystemError"),
        (226, 58, 255, 296, "a worker ends", "its exit status: its task runs again, or fails"),
        (300, 58, 329, 326, "a task raises", "its refs are that error, and what depends on them"),
    ]
    for y, height, start, end, what, *how in ends:
        c.box(300, y, 400, height, what, *how, kind="bad")
        c.arrow((298, start), (202, end), dashed=True)
    return c


DRAWINGS = {
    "processes": processes,
    "scheduler": scheduler,
    "object-store": object_store,
    "references": references,
    "serialization": serialization,
    "failures": failures,
}


def main(folder: Path) -> None:
    """Write every drawing into ``folder``."""
    for name, draw in DRAWINGS.items():
        (folder / f"{name}.svg").write_text(draw().svg(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
