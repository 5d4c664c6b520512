"""What the pages of this floor show: tables and charts, made of what the selectors return."""
