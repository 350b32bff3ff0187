"""What the pages of connections and of dead letters are made of."""
