"""The report of a follow-up: JSON, a table, pictures, and one HTML page, written whole or not at all.

For research only, not for clinical use.
"""
