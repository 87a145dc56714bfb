"""The parts of benchmarks/store.py: places to measure, peers to compare with, and clusters of light nodes."""
