"""Floor 6: the REST API. Wire oddities (0/1 booleans, dashes, numbers as text) end here."""
