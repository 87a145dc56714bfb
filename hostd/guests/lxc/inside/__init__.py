"""What is set inside a container's own files: name, addresses, name servers, root's password and keys.

The code runs as the container's root in a process of its own, locked into the container's files (``__main__.py``).
Everything but ``tree.py`` is pure: it reads from and writes to a ``Tree``.
"""
