"""The few rows of the results that stand in ``README.md``.

Lives here: which, and putting them there. They are taken from the page of the results and not from
the samples, so that a test can tell whether both still say the same.
"""

from __future__ import annotations

SYSTEMS = ("ray_jupyter", "ray", "dask", "ipyparallel", "joblib", "futures")
ROWS = {
    "`init` to first result, fresh process": "start, to the first result",
    "no-op round trip, one at a time: median": "one call, and its result",
    "no-ops submitted, then all got": "many small calls",
    "100 MB passed to 10 tasks": "100 MB passed to 10 tasks",
    "memory of 2 idle workers and all helpers (PSS)": "memory, idle",
}
HEADS = {"ray": "Ray", "dask": "Dask", "futures": "`concurrent.futures`"}
BEGIN = "<!-- measured: written by python -m benchmarks, from docs/performance.md -->\n"
END = "<!-- end of measured -->\n"


def excerpt(page: str) -> str:
    """Return the table for the front page, from the page of the results.

    Raises:
        ValueError: the page lacks a row or a system.
    """
    table = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.partition("## Beside the peers")[2].partition("\n## ")[0].splitlines()
        if line.startswith("|")
    ]
    head, rows = table[0], {row[0]: row for row in table[2:]}
    try:
        places = [head.index(system) for system in SYSTEMS]
        lines = [["", *(HEADS.get(system, system) for system in SYSTEMS)]]
        lines.append(["---", *("--:" for _ in SYSTEMS)])
        for label, words in ROWS.items():  # the ratios in brackets are for the whole table
            lines.append([words, *(rows[label][at].partition(" (")[0] for at in places)])
    except (KeyError, ValueError) as error:
        raise ValueError(f"the page of the results lacks {error}") from error
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def renew(front: str, page: str) -> str:
    """Return the front page with the table of ``page`` between its marks."""
    before, begin, rest = front.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"expected {BEGIN.strip()!r} and {END.strip()!r} in the front page")
    return f"{before}{BEGIN}\n{excerpt(page)}\n{END}{after}"
