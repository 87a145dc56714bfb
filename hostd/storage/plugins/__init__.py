"""Drivers of others: classes behind the entry points ``holdfast.storage``, which never run in a process of ours.

``host`` is the program that runs one call of one driver; ``driver`` is how we call it. What a class must have:
docs/storage.md.
"""
