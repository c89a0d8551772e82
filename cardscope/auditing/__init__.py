"""Many models: one row each, whatever happens to any of them."""
