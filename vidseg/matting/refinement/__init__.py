"""Refinement: a small mask → a full-size alpha along the edges of the picture."""
