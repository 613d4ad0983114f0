"""Tests live like people: they come in through the door, and learn secrets from the mail that arrived."""
