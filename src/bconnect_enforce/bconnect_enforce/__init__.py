"""From findings to measures: the ladder, the speakers, the citations ledger."""
