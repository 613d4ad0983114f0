"""Nouns: each module owns one kind of thing and its rule."""
