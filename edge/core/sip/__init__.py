"""SIP without I/O: grammar, session descriptions, and the dialogs that front relays."""
