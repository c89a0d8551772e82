"""One audit on many machines: Ray tasks that each audit a batch and leave one Parquet file behind."""
