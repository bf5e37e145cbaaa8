"""Metrics of front."""

from edge.metrics.library import CollectorRegistry, Counter, Gauge, Histogram

#: Label values of `messages`: methods by name, responses by class.
KINDS = frozenset(
    {
        *("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "UPDATE", "PRACK", "INFO"),
        *("REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "REFER"),
        *("1xx", "2xx", "3xx", "4xx", "5xx", "6xx"),
    }
)


class FrontMetrics:
    """Signalling at the front door. No label value ever comes from a message's own text."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.messages = Counter(
            "edge_front_messages_total",
            "SIP messages by side (peer, span), direction (in, out) and kind (method, or class of the status)",
            ["side", "direction", "kind"],
            registry=self.registry,
        )
        self.refused = Counter(
            "edge_front_requests_refused_total",
            "Requests that front answered with an error itself, by status or reason",
            ["reason"],
            registry=self.registry,
        )
        self.calls_refused = Counter(
            "edge_front_calls_refused_total",
            "New calls that were refused, by reason",
            ["reason"],
            registry=self.registry,
        )
        self.failovers = Counter(
            "edge_front_failovers_total",
            "Calls of ours that went on to another address or trunk, by reason: refused, timeout (nothing heard), "
            "no_ring, no_connection, redirected (a 3xx to another number of the trunk)",
            ["reason"],
            registry=self.registry,
        )
        self.trunk_calls = Counter(
            "edge_front_trunk_seizures_total",
            "Seizures of a trunk that are over, by direction and result: answered, effective (the called party was "
            "reached all the same), ineffective",
            ["trunk", "direction", "result"],
            registry=self.registry,
        )
        self.trunk_talk = Counter(
            "edge_front_trunk_conversation_seconds_total",
            "Conversation of answered calls of a trunk",
            ["trunk", "direction"],
            registry=self.registry,
        )
        self.trunk_ring = Histogram(
            "edge_front_trunk_ring_delay_seconds",
            "From an INVITE of ours to the first sign that the called party is alerted",
            ["trunk"],
            buckets=(0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 12, 20, 30),
            registry=self.registry,
        )
        self.trunk_share = Gauge(
            "edge_front_trunk_ratio",
            "Shares of the seizures of a trunk that ended in the last hour: asr (answered), ner (effective), "
            "ITU-T E.411 and E.425",
            ["trunk", "direction", "ratio"],
            registry=self.registry,
        )
        self.dropped = Counter(
            "edge_front_messages_dropped_total",
            "Input that was dropped without an answer, by reason",
            ["reason"],
            registry=self.registry,
        )
        self.hep_messages = Counter(
            "edge_front_hep_messages_total",
            "SIP messages for the capture server by result: sent, dropped (they could not leave at once)",
            ["result"],
            registry=self.registry,
        )
        self.faults = Counter(
            "edge_front_faults_total",
            "Things that should not happen, by kind",
            ["kind"],
            registry=self.registry,
        )
        self.challenges = Counter(
            "edge_front_challenges_total",
            "Digest challenges (401, 407) of peers to requests of ours, by what came of them",
            ["result"],
            registry=self.registry,
        )
        self.evidence = Counter(
            "edge_front_evidence_total",
            "What spoke against a source, by kind",
            ["kind"],
            registry=self.registry,
        )
        self.unknown_numbers = Counter(
            "edge_front_unknown_numbers_total",
            "Calls to numbers that nobody has, by the trunk that brought them",
            ["trunk"],
            registry=self.registry,
        )
        self.bans = Counter(
            "edge_front_bans_total", "Sources that were shut out, by cause", ["cause"], registry=self.registry
        )
        self.banned = Gauge("edge_front_banned_sources", "Sources that are shut out now", registry=self.registry)
        self.filter = Gauge(
            "edge_front_source_filter_instructions",
            "Length of the kernel's filter of sources on the SIP socket; 0: there is none",
            registry=self.registry,
        )
        self.kernel_dropped = Counter(
            "edge_front_kernel_dropped_datagrams_total",
            "Datagrams that the kernel dropped on the SIP socket: kept out by its filter, or found no room",
            registry=self.registry,
        )
        self.trunk_up = Gauge(
            "edge_front_trunk_up",
            "Whether calls are placed on a trunk: 0 when it does not answer OPTIONS, is not registered, or is a line "
            "that is not ready",
            ["trunk"],
            registry=self.registry,
        )
        self.trunk_channels = Gauge(
            "edge_front_trunk_channels",
            "Calls that a trunk carries now, both directions, with those that are about to be dialled",
            ["trunk"],
            registry=self.registry,
        )
        self.trunk_registered = Gauge(
            "edge_front_trunk_registered", "Whether a trunk is registered", ["trunk"], registry=self.registry
        )
        self.trunk_registration_age = Gauge(
            "edge_front_trunk_registration_age_seconds",
            "For how long a trunk has been registered, or not been",
            ["trunk"],
            registry=self.registry,
        )
        self.trunk_round_trip = Gauge(
            "edge_front_trunk_round_trip_seconds",
            "From the last OPTIONS (else REGISTER) to its answer",
            ["trunk"],
            registry=self.registry,
        )
        self.trunk_failures = Counter(
            "edge_front_trunk_failures_total",
            "REGISTER and OPTIONS that failed, by the status of the answer; none: there was no answer",
            ["trunk", "method", "code"],
            registry=self.registry,
        )
        self.dialogs = Gauge("edge_front_dialogs", "Dialogs that are relayed now", registry=self.registry)
        self.adopted = Counter(
            "edge_front_adoptions_total",
            "Dialogs whose span died, and that front went on with, by state (answered, confirmed)",
            ["state"],
            registry=self.registry,
        )
        self.adopted_dialogs = Gauge(
            "edge_front_adopted_dialogs", "Dialogs that front carries on by itself", registry=self.registry
        )
        self.spans = Gauge("edge_front_spans", "Spans that take calls", registry=self.registry)
        self.free_slots = Gauge("edge_front_free_slots", "Legs that spans have room for", registry=self.registry)
        self.connections = Gauge("edge_front_tcp_connections", "Open TCP and TLS connections", registry=self.registry)
        self.handshakes = Counter(
            "edge_front_tls_handshakes_total",
            "TLS handshakes of both directions by result: ok, certificate (theirs is not good), refused (they do not "
            "want ours), failed, late (not over in 5 s)",
            ["result"],
            registry=self.registry,
        )
        self.certificate_days = Gauge(
            "edge_front_certificate_days_left",
            "Days until a certificate of TLS expires, negative afterwards: ours (that of `[sip]` without a trunk, and "
            "those of trunks), or theirs, the one that a trunk showed last",
            ["trunk", "whose"],
            registry=self.registry,
        )
        self.handling = Histogram(
            "edge_front_handling_duration_seconds",
            "From a message's arrival in the process to the end of what it caused",
            ["side"],
            buckets=(0.00005, 0.0001, 0.0002, 0.0003, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1),
            registry=self.registry,
        )
