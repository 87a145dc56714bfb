"""A simulated cluster for the HA manager and agent: machines, store, locks, watchdogs, guests. hostd decides."""
