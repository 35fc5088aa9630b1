"""Where ``init`` looks for a session to attach to, as its keywords say."""

from __future__ import annotations

from typing import Any


def settle_address(
    address: str | None, scheduler_address: str | None, others: dict[str, Any]
) -> str | None:
    """Return the session to attach to; ``None`` means to start one.

    Args:
        address: of Ray.
        scheduler_address: the same, of 2016.
        others: further keywords of ``init``; what is used here is taken out.

    Raises:
        ValueError, TypeError, NotImplementedError: they contradict, or name what cannot be had.
    """
    starts = others.pop("start_ray_local", None)
    if scheduler_address is not None:
        if address is not None:
            raise ValueError("init(): address and scheduler_address mean the same; give one")
        address = scheduler_address
    if address in (None, "local"):
        if starts is False:
            raise ValueError("init(start_ray_local=False) needs the address to attach to")
        return None
    if not isinstance(address, str):
        raise TypeError(f"init(): address must be a string such as 'auto', got {address!r}")
    if starts:
        raise ValueError(f"init(): start_ray_local starts a session, address={address!r} does not")
    if "://" in address or (":" in address and "/" not in address):
        raise NotImplementedError(
            f"address={address!r}: attaching to a Ray cluster or to another machine is not "
            "supported; 'auto' attaches to your session on this machine"
        )
    return address


def check_no_settings(address: str, arguments: dict[str, Any]) -> None:
    """Check that nothing is asked of a session that is running already.

    Raises:
        ValueError: something is.
    """
    given = [
        name.removesuffix("_bytes")
        for name, value in arguments.items()
        if value is not None and name != "namespace"  # that is this process's own
    ]
    if given:
        raise ValueError(
            f"init(address={address!r}) attaches to a session that is running already, with its "
            f"own settings; leave out {', '.join(given)}"
        )
