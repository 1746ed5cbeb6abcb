"""The models: backbones, encoders, hypernetworks, adapters and generation.

Knows only records and tasks, never the miners.
"""
