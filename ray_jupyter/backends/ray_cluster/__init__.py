"""An existing Ray cluster as a ``Backend``: the only package that imports ``ray``.

Lives here, by subject: the backend itself (``backend``), connecting (``connecting``), what runs in
Ray's workers (``shell``), calls on their way there (``packing``), ids (``ids``), results that are
errors (``faults``), streams (``streams``), what the cluster tells (``reports``, ``printed``), and
whether it is still there (``watching``).

Rules
    * A value is pickled once, by Ray. Functions are pickled here, so that what cannot be sent
      is named, and run in a shell that makes this API work inside of tasks.
    * Ids are ints as everywhere; here each carries the reference of Ray that it stands for
      (``ids.RayId``), which keeps the object. So nothing is counted on our side.
    * A worker that meets a reference or a function of ours attaches itself to the session.
"""

from __future__ import annotations

import os

# Ray would replace ``print`` in the driver as soon as a worker shows a progress bar; functions
# that mention ``print`` could then not be pickled any more.
os.environ.setdefault("RAY_TQDM_PATCH_PRINT", "0")
