"""Real servers the tests start themselves on free loopback ports: databases, mail, the service."""
