"""How fast stored reads become events, beside what JSON libraries alone need for the same bytes."""
