"""Builds and runs Holdfast: tools tree, packages, repository, image, virtual machine. Host side: Python 3.11 stdlib."""
