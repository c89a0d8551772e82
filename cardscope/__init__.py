"""cardscope: what a model is, how many parameters it has, and what it costs to run."""
