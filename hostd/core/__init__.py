"""Floor 1: what everything else stands on; standard library only."""
