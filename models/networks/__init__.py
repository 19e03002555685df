"""Families of networks, one a file, and what they share."""
