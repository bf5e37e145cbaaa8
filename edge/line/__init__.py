"""A line process: one modem or sound card, which towards front is a trunk that speaks SIP on loopback."""
