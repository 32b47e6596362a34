"""What a borrower could do about a refusal."""
