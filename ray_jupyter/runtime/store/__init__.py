"""The object store: where large values live and how they get there."""
