"""What a lender could do about conflicts, and what refusals and limits on show amount to."""
