"""Give the people in a recorded clip a new background, or an alpha for an editor."""

__version__ = "0.1.0"
