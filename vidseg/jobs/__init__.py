"""Jobs: many and long renders, in segments, in batches, by workers."""
