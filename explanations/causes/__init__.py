"""Why two decisions disagree: the ledger of causes and what it replays, the audit of late data."""
