"""One outside library behind one small class each."""
