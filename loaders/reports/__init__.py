"""Rendering for people: what a mapping change does to the data, and other documents made from the warehouse."""
