"""nanochat release by release: sizes from depth, counts in closed form, FLOPs, optimizer groups, native metas."""
