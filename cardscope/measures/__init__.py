"""Folds over the inventory: one figure each, with its rule."""
