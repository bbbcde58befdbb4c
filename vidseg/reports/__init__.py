"""Reports: what a run did, how its masks fared, and what editors need beside it."""
