"""Ordered whole messages between two processes; the end of the other side is an event."""
