"""The local runtime: scheduler, object store and workers. Knows nothing of Jupyter."""
