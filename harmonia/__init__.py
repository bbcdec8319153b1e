"""What a language model believes, and what fine-tuning did to it."""

import os

__version__ = "0.1.0"

# The hub's client would report each training to its makers. Nothing goes out that nobody asked for:
# this is read when the client is first imported, so it stands before any other import.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
