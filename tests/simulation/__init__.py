"""A simulated cluster: the production group, tree, journal chain and transfers, in a world made of a seed."""
