"""The synthetic twin: databases and files that look like a customer's systems, with the dirt and without a
single real person.

Same seed, same data, whatever the size of a batch or the kind of the database.
"""
