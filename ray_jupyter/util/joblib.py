"""``register_ray``: joblib, and with it scikit-learn, on this package's workers.

::

    from ray_jupyter.util.joblib import register_ray

    register_ray()
    with joblib.parallel_config(backend="ray"):
        search.fit(x, y)
"""

from __future__ import annotations

__all__ = ["register_ray"]


def register_ray() -> None:
    """Make ``backend="ray"`` a name that joblib knows.

    Raises:
        ImportError: joblib is not installed.
    """
    try:
        import joblib
    except ImportError as error:
        raise ImportError(
            "register_ray() needs joblib, which is not installed: pip install joblib "
            "(scikit-learn brings it)"
        ) from error
    from ray_jupyter.util.joblib_backend import RayBackend

    joblib.register_parallel_backend("ray", RayBackend)
