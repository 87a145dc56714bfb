"""A simulated cluster for the HA manager and agent: hardware, store, locks, watchdogs and guests; decisions are hostd's."""
