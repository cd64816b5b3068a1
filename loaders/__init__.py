"""Thin loaders around the dbt project: land raw data, push the marts to Salesforce, read the org back.

Nothing here decides what a record becomes; that is SQL in `models/` and CSV in `seeds/`.
"""
