"""One report value, rendered by pure functions."""
