"""Translated rows, brought into a records folder: once each, priced, by day."""
