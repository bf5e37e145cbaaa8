"""The SIP front door: the process that peers talk to."""
