"""The processes of a session: shells around the core, the store and the client.

::

    driver ─ exec, own session ─▶ node ─ becomes the scheduler (``scheduler``)
                                    └ fork ─▶ template (``template``) ─ fork ─▶ worker (``worker``)

They decide nothing: an ``if`` here that depends on a task's state belongs in ``core``.
"""
