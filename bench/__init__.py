"""Measuring the appliance from outside: load generator, bare echo."""
