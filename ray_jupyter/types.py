"""``ray.types``: names for annotations."""

from __future__ import annotations

from ray_jupyter.refs import ObjectRef

__all__ = ["ObjectRef"]
