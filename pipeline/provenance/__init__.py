"""From a published number back to its bytes, and the proof that the one follows from the other."""
