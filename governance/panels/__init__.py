"""What the pages of this floor show: tables, made of what the selectors return."""
