"""Turning disks of the host into storages: what joins ``node.disks`` with the cluster's list of storages."""
