"""Segments: the node that holds them, the writer of masks into them, and the view of a session's result."""
