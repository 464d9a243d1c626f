"""Is it true? Joins what the client was told, what the ledger says, and what the providers saw; knows no platform."""
