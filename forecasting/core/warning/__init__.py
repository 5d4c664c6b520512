"""Early warning: how probable it is that at least so much is liquidated within so many hours."""
