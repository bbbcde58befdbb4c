"""The command line: options → settings → a call → an exit code."""
