"""A terminal that VNC viewers see: a container's console, a node's shell.

``psf`` reads a font, ``page`` keeps what the terminal shows, ``pixels`` draws it, ``keys`` knows what keys type,
``messages`` what a viewer says, ``viewer`` puts them together; all of these are pure. ``session`` has the sockets.
"""
