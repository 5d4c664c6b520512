"""What may be wrong with a file: one check a file, each ``check(rows) -> Finding...``, all of them run on every import.

A finding with an ``error`` is refused unless a person allows its code; the others are recorded with the file.
"""
