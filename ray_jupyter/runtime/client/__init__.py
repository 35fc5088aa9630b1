"""One process's side of a session: the driver's, and every worker's.

``client`` is the entry. ``channel`` moves messages, ``mappings`` counts who looks at shared
memory, ``functions`` and ``arguments`` turn calls into specs, ``values`` loads and stores.
"""
