"""The machine around a render: threads, signals, downloads, files."""
