"""What becomes of recorded nights: reads that may expire, backups, and their way back."""
