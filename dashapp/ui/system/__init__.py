"""What the page `/system` is made of."""
