"""Where a book comes from: the simulated world, or a lender's own files."""
