"""Where models come from, where they are kept, and how they become fast ones."""
