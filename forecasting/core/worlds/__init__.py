"""Worlds: joint price paths that a book may meet, each made from a scenario that is data."""
