"""The `gliomasam` command: one file a command.

Modules are loaded by the command that needs them, so that help comes at once.
"""

import sys

try:
    from .app import app, main
except KeyboardInterrupt:  # Ctrl-C while the program is being loaded
    sys.stderr.write("gliomasam: stopped\n")
    raise SystemExit(130) from None

__all__ = ["app", "main"]
