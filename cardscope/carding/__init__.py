"""What a model card claims, found in its text and held against config, counts and stored tensors."""
