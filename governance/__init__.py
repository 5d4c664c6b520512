"""The ground floor: what is governed, and every word spoken with a chain."""
