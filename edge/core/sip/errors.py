"""What can be wrong with a message, as a value that knows its own answer."""

from typing import Literal

#: Why a message was refused; a closed list, safe as a metric label.
Why = Literal[
    "grammar",
    "limit",
    "missing_header",
    "repeated_header",
    "length",
    "version",
    "scheme",
    "media_type",
    "extension",
    "session_description",
]

#: Reason phrases of the codes that front sends itself (RFC 3261 section 21 and the RFCs that added one).
PHRASES = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    199: "Early Dialog Terminated",
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    410: "Gone",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}

_CLASSES = {
    1: "Session Progress",
    2: "OK",
    3: "Redirection",
    4: "Request Failure",
    5: "Server Failure",
    6: "Global Failure",
}


def phrase(status: int) -> str:
    """Return the reason phrase that we send with `status`; a peer's own text is never passed on."""
    return PHRASES.get(status) or _CLASSES.get(status // 100, "Unknown")


class SipError(Exception):
    """A message that we refuse: the status of its answer and why. Never leaves `edge.core.sip`'s parsers."""

    def __init__(self, status: int, why: Why, detail: str = "", headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(detail or why)
        self.status = status
        self.why: Why = why
        #: Our own words (never text of the message), fit for a Warning or a log.
        self.detail = detail
        #: Header fields that the answer must carry (Unsupported, Accept).
        self.headers = headers
