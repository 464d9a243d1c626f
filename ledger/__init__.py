"""What was asked, tried and heard: the ledger in PostgreSQL, which is the truth."""
