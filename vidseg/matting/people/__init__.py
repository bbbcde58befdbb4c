"""People told apart: who is who over a clip, and masks in which only the chosen ones remain."""
