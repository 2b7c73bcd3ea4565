"""Joins state, client and library; knows no Qt."""
