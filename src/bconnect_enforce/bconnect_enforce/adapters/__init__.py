"""The outside world: voices, sound cards, the ledger's database, the evidence store."""
