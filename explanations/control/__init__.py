"""Internal control: what a book records that does not follow from the lender's own rules and policy (docs/audit.md)."""
