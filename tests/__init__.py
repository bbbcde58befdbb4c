"""vidseg's tests."""
