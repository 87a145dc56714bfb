"""Moving guests between nodes."""
