"""What the system of 2016 had and Ray does not have any more.

Lives here: ``reusables``, ``task_info`` and ``scheduler_info``, the drawing of the computation
graph. Does not: typed remote functions (``typed``), workers (``services``), arrays (``array``).
Nothing imports this package until one of its names is asked for: see ``ray_jupyter.__getattr__``.
"""
