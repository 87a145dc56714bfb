"""Holdfast host software: API, tasks, guests, storage and the configuration store."""
