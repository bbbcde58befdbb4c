"""Media files in and out: probe, decode, encode, mux, images."""
