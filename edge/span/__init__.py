"""A span: one pjsua2 endpoint that does the SIP signalling of at most `library.MAX_LEGS` legs, and nothing else.

It never sees a peer: front gives it canonical messages over loopback UDP and replaces its SDP. No audio: the loop
media transport opens no socket. A failed assertion of the C stack aborts the process; front and supervisor plan for it.
"""
