"""High availability: which node runs which service, decided without clock and without input or output of its own.

Source of the behaviour: the recorded facts of conformance area ``ha``; ``docs/ha.md`` tells it in order.
"""
