"""Verbs: one module for each journey, named as its resource. Plain functions; no request, no commit."""
