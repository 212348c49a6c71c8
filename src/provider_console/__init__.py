"""Provider Console keeps AI and translation providers working."""

__version__ = "0.1.0"
