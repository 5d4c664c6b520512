"""Simulations of cascades: books from snapshots and files, on the paths of a world, as jobs of the workers."""
