"""What crosses a process boundary: ids, templates, messages, frames. No IO."""
