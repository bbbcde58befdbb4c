"""`python -m vidseg` and the `vidseg` command."""

from vidseg.cli import main

if __name__ == "__main__":
    main()
