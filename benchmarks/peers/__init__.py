"""What Latchkey is measured against: the least that each peer needs to sign in, read a profile and refresh."""
