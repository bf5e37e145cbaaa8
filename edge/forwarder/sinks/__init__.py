"""Sinks, a module a type. Each is loaded only where one of its type is configured."""
