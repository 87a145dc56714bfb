"""Virtual machines: QEMU through libvirt, as transient domains made from the configuration at each start."""
