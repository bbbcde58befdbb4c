"""Compositing: alpha + background → frame."""
