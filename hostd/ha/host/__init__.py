"""The real side of the environments (``hostd.ha.env``): store, locks, guests and watchdog of a host."""
