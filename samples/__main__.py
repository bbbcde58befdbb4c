"""``python -m samples [FOLDER]``."""

from samples.make import main

main()
