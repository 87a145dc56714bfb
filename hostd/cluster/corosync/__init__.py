"""Corosync: thin edges to its libraries, its configuration file, and the transport that the replicated store uses."""
