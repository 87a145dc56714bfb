"""The edges of the installer: one function per action, argument lists and parsers of tools beside them."""
