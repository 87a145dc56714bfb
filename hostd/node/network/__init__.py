"""The network configuration of this node: ``/etc/network/interfaces``, read, checked, written; nothing is applied."""
