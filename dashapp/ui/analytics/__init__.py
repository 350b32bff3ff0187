"""What the analytics pages are made of."""
