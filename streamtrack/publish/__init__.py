"""Masks for machines, pictures for people."""
