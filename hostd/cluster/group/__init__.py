"""The store of several nodes: one order, who wins, catch-up; pure, the edges are in hostd.cluster.corosync."""
