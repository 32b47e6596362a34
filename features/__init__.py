"""What was visible of a borrower on a given day, as a feature matrix."""
