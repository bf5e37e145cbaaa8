"""What can happen to a trunk."""

from typing import Literal

#: Why it is not registered, or down.
TrunkCause = Literal[
    "no_answer",
    "no_connection",
    "no_such_name",
    "busy",  # 408, 480, 5xx
    "rejected",  # any other refusal
    "expired",  # the registrar has not answered since, and the binding's time is over
    "out_of_service",  # a line of this machine says that it takes no calls
    "stopped",  # the trunk was removed or changed, or the appliance stops
]
