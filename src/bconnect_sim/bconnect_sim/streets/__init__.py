"""Shipped streets: road network for SUMO with its sources, and street.yaml."""
