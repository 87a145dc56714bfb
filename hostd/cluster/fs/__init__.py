"""The store behind ``/etc/pve``: ``tree`` and ``replicate`` are pure, the other files are edges around them."""
