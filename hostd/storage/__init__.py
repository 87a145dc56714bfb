"""Storages: where disks, images and templates lie. ``catalog`` is what the rest of the product talks to."""
