"""What one process has of a session's objects: for those who ask who keeps something alive.

Lives here: reading the client's own books. Does not: under which names (``util.holders``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ray_jupyter.runtime.client.client import Client


class Held(NamedTuple):
    """What a process has.

    Attributes:
        references: how many ``ObjectRef`` it has of each object, and what counts as one.
        views: by the ``id`` of the one array that all others of an object are made from: it.
        copies: objects that are copies of arguments, kept for the next call with the same.
    """

    references: Mapping[int, int]
    views: Mapping[int, int]
    copies: frozenset[int]


def held_here(client: Client) -> Held:
    """Return what the process of this client has now."""
    with client.channel.shield, client.channel.lock:
        client._collect()  # what died already is not held
        references, views = client._counts.now(), client._mappings.views()
    return Held(references, views, client._arguments.copies())
