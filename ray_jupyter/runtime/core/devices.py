"""Which GPUs a demand gets: plain numbers, looked at by nobody here.

Rules
    * A demand of less than one shares a device with others: the fullest on which it still fits,
      so that whole ones stay free.
    * A demand of several gets whole devices that nobody shares.
"""

from __future__ import annotations

from ray_jupyter.runtime.protocol.specs import RESOURCE_UNITS

GPU = "GPU"


def make(units: int) -> list[int]:
    """Return the free units of each device of a machine that has ``units`` GPU."""
    whole, part = divmod(units, RESOURCE_UNITS)
    return [RESOURCE_UNITS] * whole + [part] * bool(part)


def choose(free: list[int], units: int) -> tuple[int, ...] | None:
    """Return the numbers of the devices for a demand, or ``None`` if there are none now."""
    if units < RESOURCE_UNITS:
        room = [(left, device) for device, left in enumerate(free) if left >= units]
        return (min(room)[1],) if room else None
    count = -(-units // RESOURCE_UNITS)
    whole = [device for device, left in enumerate(free) if left == RESOURCE_UNITS]
    return tuple(whole[:count]) if len(whole) >= count else None


def take(free: list[int], devices: tuple[int, ...], units: int) -> None:
    """Have the devices used by a demand of ``units``; a negative one gives them back."""
    for device in devices:
        free[device] -= max(-RESOURCE_UNITS, min(units, RESOURCE_UNITS))
