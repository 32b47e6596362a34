"""Two models on one book: what changes in conflicts and reasons, and the comparison as a whole."""
