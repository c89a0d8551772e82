"""Data files that ship with cardscope."""
