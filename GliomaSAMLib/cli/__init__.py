"""The `gliomasam` command: one file a command.

Modules are loaded by the command that needs them, so that help comes at once.
"""

from .app import app, main

__all__ = ["app", "main"]
