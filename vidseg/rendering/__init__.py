"""Rendering: the chain from file to file, opened and closed in one place."""
