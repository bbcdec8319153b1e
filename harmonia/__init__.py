"""What a language model believes, and what fine-tuning did to it."""

__version__ = "0.1.0"
