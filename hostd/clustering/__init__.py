"""How hosts become a cluster: beginning one, admitting and removing nodes, joining, leaving."""
