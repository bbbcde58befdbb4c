"""Networks that find people: one protocol, several models, two runtimes."""
