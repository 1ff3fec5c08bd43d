"""Fakes and contract checks that ship with the package (plain functions, no pytest)."""
