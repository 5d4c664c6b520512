"""Files as a source of history: read, checked, and landed as named, versioned datasets with their provenance."""
