"""The top floor: decisions and their evidence."""
