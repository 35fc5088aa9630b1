"""The scheduler's decisions: events in, commands out. No clock, no IO, no log.

``scheduler.SchedulerCore.handle(event, now_ns)`` is the only entry. ``state`` is the noun;
``placement``, ``actors``, ``references``, ``memory`` and ``recovery`` are the functions around it.
"""
