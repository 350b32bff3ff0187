"""What the page `/simulator` is made of."""
