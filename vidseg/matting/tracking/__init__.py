"""Tracking: people followed through a clip with few calls of the network."""
