"""Where work runs: ``local`` processes or ``inline`` in this one."""
