"""Clients of message brokers: what a connection says of one, the client that is made of it, and whether it gets through."""
