"""A tamper-evident ledger of decisions: blocks of rows with a Merkle root each, chained by hash (docs/audit.md)."""
