"""Containers: LXC, one systemd unit each, unprivileged unless their file says otherwise."""
