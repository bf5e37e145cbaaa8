"""Figures as lines and as the page `docs/benchmarks.md`."""

import os
import platform
import time
from pathlib import Path
from typing import Any

#: What each figure is to reach, as far as there is a promise: (text, test).
REACH: dict[str, tuple[str, Any]] = {
    "dtmf_beside_spandsp": ("5", lambda value: value >= 5),
    "everything_beside_spandsp": ("1", lambda value: value >= 1),
    "dtmf_in_calls_beside_spandsp": ("5", lambda value: value >= 5),
    "everything_in_calls_beside_spandsp": ("1", lambda value: value >= 1),
    **{f"import_{what}": ("0", lambda value: value == 0) for what in ("miscounted", "again_changed")},
    **{f"import_killed_{what}": ("0", lambda value: value == 0) for what in ("lost", "twice")},
    "dialer_simulation": ("10", lambda value: value <= 10),
    "dialer_abandoned_in_worst_window": ("3", lambda value: value <= 3),
    "dialer_campaigns_over_the_ceiling": ("0", lambda value: value == 0),
    **{f"dialer_{agents}_agents_beside_oracle": ("95", lambda value: value >= 95) for agents in (100, 200)},
    **{f"dialer_{agents}_agents_beside_power": ("1", lambda value: value >= 1) for agents in (5, 10, 20, 50, 100, 200)},
    "freeze_longest": ("10", lambda value: value <= 10),
    "freeze_calls_cut": ("0", lambda value: value == 0),
    **{f"soak_{what}": ("0", lambda value: value == 0) for what in ("failed", "rising", "left_slots", "left_dialogs")},
    "calls_100_failed": ("0", lambda value: value == 0),
    "calls_100_recordings_with_a_gap": ("0", lambda value: value == 0),
    "calls_100_cpu_per_call": ("0.12 (Asterisk 22 on this class of machine: 0.58)", lambda value: value <= 0.12),
    "calls_100_rtp_spacing_off_p99": ("0.5", lambda value: value < 0.5),
    "calls_100_memory_pss": ("400 (Asterisk: 115)", lambda value: value <= 400),
    "calls_300_failed": ("0", lambda value: value == 0),
    "calls_300_tick_p99": ("8", lambda value: value <= 8),
    "setup_20_failed": ("0", lambda value: value == 0),
    "setup_20_invite_to_200_p50": ("4 (Asterisk: 1.7)", lambda value: value < 4),
    "setup_20_invite_to_200_p99": ("10 (Asterisk: 3.9)", lambda value: value < 10),
    "setup_100_failed": ("0", lambda value: value == 0),
    "relay_beside_rtpengine": ("1", lambda value: value <= 1),
    "relay_rtp_lost": ("0", lambda value: value == 0),
    "recorded_ivr_rtp_lost": ("0", lambda value: value == 0),
    "recorded_ivr_legs_per_core": ("800", lambda value: value >= 800),
    "two_engines_ratio": ("1.8", lambda value: value >= 1.8),
    "kill_most_lost_of_a_leg": ("5, one a kill", lambda value: value <= 5),
    "kill_longest_gap": ("40, one tick missed", lambda value: value <= 40),
    "kill_silent_legs": ("0", lambda value: value == 0),
    "busy_rtp_spacing_off_p99": ("2", lambda value: value < 2),
    "key_rfc4733_to_prompt_p50": ("60", lambda value: value <= 60),
    "key_inband_to_prompt_p50": ("100", lambda value: value <= 100),
    "voice_pesq_worse": ("0", lambda value: value == 0),
    "voice_delay_lower": ("7", lambda value: value >= 7),
    "drift_fast_underruns": ("0", lambda value: value == 0),
    "drift_slow_underruns": ("0", lambda value: value == 0),
    **{
        f"strangers_{setting}_{what}": ("0", lambda value: value == 0)
        for setting in ("connected", "learning")
        for what in ("out", "heard", "digits", "lost")
    },
    "flood_connected_lost_beside": ("0", lambda value: value == 0),
    "flood_learning_lost_beside": ("0", lambda value: value == 0),
    "fuzz_failed_rounds": ("0", lambda value: value == 0),
    **{
        f"siege_{attack}_{what}": ("0", lambda value: value == 0)
        for attack in ("strangers_1000", "strangers_5000", "noisy_trunk")
        for what in ("failed", "rtp_lost", "span_restarts", "other_restarts")
    },
    **{
        f"siege_stalled_{what}": ("0", lambda value: value == 0)
        for what in ("not_closed", "unanswered", "failed", "span_restarts", "other_restarts")
    },
    **{
        f"siege_{attack}_p95": ("50, or 3 times the quiet one", lambda value: value <= 50)
        for attack in ("strangers_1000", "strangers_5000", "noisy_trunk", "stalled")
    },
    "siege_stalled_longest_s": ("10", lambda value: value <= 10),
    "siege_fuzz_sent": ("100000", lambda value: value >= 100_000),
    **{f"siege_strangers_{rate}_reflected": ("0", lambda value: value == 0) for rate in (1000, 5000)},
    **{
        f"siege_{attack}_rss_growth_mb": ("20", lambda value: value < 20)
        for attack in ("strangers_1000", "strangers_5000", "noisy_trunk", "fuzz")
    },
    **{
        f"siege_fuzz_{what}": ("0", lambda value: value == 0)
        for what in ("unanswered", "reflected", "rtp_lost", "span_restarts", "other_restarts")
    },
    **{
        f"siege_callee_{what}": ("0", lambda value: value == 0)
        for what in ("not_released", "honest_failed", "span_restarts", "other_restarts")
    },
    "session_timer_refreshed_failed": ("0", lambda value: value == 0),
    "session_timer_refreshes_failed": ("0", lambda value: value == 0),
    "session_timer_calls_cut": ("0", lambda value: value == 0),
    "menu_compile_500_nodes_and_200_tests": ("2", lambda value: value < 2),
    "menu_calls_a_minute": ("50,000", lambda value: value >= 50_000),
    "menu_walks": ("100,000", lambda value: value >= 100_000),
    **{
        f"trials_{what}_covered": ("93 to 97", lambda value: 93 <= value <= 97)
        for what in ("containment", "abandonment", "connected", "time_in_menu")
    },
    "trials_power_of_planned_calls": ("80", lambda value: value >= 78),
    **{f"trials_looked_at_2000_times_margin_{n}_stopped": ("5", lambda value: value <= 5) for n in (0, 5)},
    "rules_known_numbers": ("20,000", lambda value: value >= 20_000),
    "rules_moments_wrong": ("0", lambda value: value == 0),
    "menu_walks_failed": ("0", lambda value: value == 0),
    **{
        f"reload_{what}": ("0", lambda value: value == 0)
        for what in ("calls_failed", "rtp_lost", "old_keys_astray", "new_calls_astray")
    },
    "hearing_wrong": ("0", lambda value: value == 0),
    "span_kill_talks_cut": ("0", lambda value: value == 0),
    "span_kill_wrong_ends": ("0", lambda value: value == 0),
    "span_kill_keys_lost": ("0", lambda value: value == 0),
    "span_kill_rtp_lost": ("0", lambda value: value == 0),
    "span_kill_before_answer_wrong": ("0", lambda value: value == 0),
    "dialer_kills": ("1,000", lambda value: value >= 1000),
    **{
        f"dialer_kills_{what}": ("0", lambda value: value == 0)
        for what in (
            "numbers_called_twice",
            "numbers_called_and_given_back",
            "attempts_left_open",
            "contacts_lost",
            "ends_untold",
            "ends_told_twice",
        )
    },
    **{
        f"dialer_answers_{leg}_{what}_{label}": (f"{most}", lambda value, most=most: value <= most)
        for leg in ("nailed_up", "on_demand")
        for what in ("callee_hears_agent", "agent_hears_callee", "after_verdict_callee_hears_agent")
        for label, most in (("p50", 150), ("p99", 400))
    },
    "front_kill_cut": ("0", lambda value: value == 0),
    "event_kills": ("1,000", lambda value: value >= 1000),
    **{
        f"event_kills_{what}": ("0", lambda value: value == 0)
        for what in (
            "calls_lost",
            "events_lost",
            "gaps_and_wrong_ends",
            "events_out_of_order",
            "foreign_or_forged",
        )
    },
    # The writer keeps that pace, so no more can come; the clock of the last second may say one or two less.
    **{f"events_{sink}_delivered": ("5,000", lambda value: value >= 4995) for sink in ("webhook", "jetstream")},
    "events_lag_p50": ("20", lambda value: value <= 20),
    "events_lag_p99": ("200", lambda value: value <= 200),
    "events_frozen_added_p50": ("0 within noise", lambda value: value <= 0.5),
}


HEAD = """# Benchmarks

{made} Everything on loopback of one machine: the load generator is pinned to one core and takes the share of it that
`generator_cpu` tells; the appliance's processes may use both cores. A run in which the generator was late, a datagram
was dropped or more than 2 % of the machine was stolen is made again, and marked void when it stays so.

CPU is the share of one core, all processes of the appliance together and by process. `spacing_off` is how far the time
between two RTP packets of a call is from 20 ms, by the receiver's kernel timestamps. `echo` is a bare C program that
sends each packet back, under the same load: what the kernel takes for itself.

Relay, IVR, SRTP, kills and capacity are measured on media alone: the engines run under a real supervisor, their loops
bound to a core, and stand-ins give the commands that signalling would. Their peers are one C program on the first core.
Relay is 100 pairs of legs; rtpengine (user space) and ours take turns, three times, and the median counts. For two
engines each core has one engine and one generator, for one engine one core has both: the same share on each core.

Detectors are measured as the pass calls them, 400 legs a tick, in turns with spandsp's `dtmf_rx` (called from C) on the
same frames in one process on one core; CPU time of the thread, median of three turns. All legs talk all the time, the
worst case; `in_calls` they pause as people in a conversation do (ITU-T P.59). Our vectors are as wide as the
processor's are, Debian's spandsp is compiled for any x86-64. Their accuracy has [a page of its own](accuracy.md).

Voice is computed in virtual time: seeded packet traces (`tests/support/traces.py`), recorded speech, our playout and
concealment, and pjmedia's on the same packets; PESQ is ITU-T P.862, delay is from the sender's microphone to playout.
Strangers send 1,000 packets/s that imitate the peers in each phase of a call; fuzzing runs with bounds checks.

A siege is SIP: 1,000 and 5,000 requests/s of 20 strangers, a trunk that floods, 200 TCP connections that stall, 100,000
mutated messages by UDP and TCP, requests and responses, of trunks and of strangers, and callees whose responses are
traps, beside calls that must not notice; p95 of their set-up stands beside the quiet one.

Reloads: with all calls up the menu and its recordings are changed again and again; new calls must hear what is new, and
the old ones, when they press a key at the end, what their version has. `took` is a reload on a machine busy with that.

Hearing: recorded prompts in five languages played one after the other through codecs and lossy lines, a third of them
cut short, to an ear that knows them all (`edge menu test --call`).

Spans are killed (SIGKILL) under talks of two legs in a whole appliance; seeds choose moment, order and who hangs up.
Front is killed with conversations up: `front_kill_in_...` tells how many of them were seen in which state.

Power-on: from the start of the program to the first call that is answered, `cold` after the kernel has forgotten all
files. Freezes: each process is stopped (SIGSTOP) with a call up, until the supervisor has `noticed`, and until another
works in its place. Soak: 50 calls of four kinds for twenty minutes; `rise` is over the last third, by a line fitted to
the samples.

A campaign is killed: any process of a whole appliance, or one that has the call in a state that is seen before the kill
(`dialer_kills_while_...`), while contacts come onto the list, two a kill. Callees count who calls them.

Events through kills: random processes are killed while calls run and two webhooks hang, break off or refuse, by chance.
What callers saw answered and receivers took is held against the outbox, and that against `edge events verify`.

Events: written to an outbox as switch writes them, 25 a transaction, read and sent on by a real forwarder, all on one
core; receiver and broker have the other. `lag` is from an event's stamp to its arrival. Beside calls (20 a second) the
receiver takes all (`healthy`), answers nothing (`frozen`), or comes back to a backlog (`catching_up`).

Answers of a campaign: 100 attempts at once; 20 agents answer at once, on legs that stay up (`nailed_up`) or are rung
for each call (`on_demand`). From the callee's 200 to the first packet of the agent's tone at the callee, and of his own
at an agent; where it is listened for who answered (`listening`), also from that verdict. Abandoned: more than 2 s.

| figure | value | unit | beside it | to reach | reached |
|---|---:|---|---|---|---|
"""


def line(figure: dict[str, Any]) -> str:
    """Show a figure to people."""
    peer = f"   ({figure['peer']}: {figure['peer_value']}, ratio {figure['ratio']})" if "peer" in figure else ""
    void = f"   VOID: {'; '.join(figure['void'])}" if "void" in figure else ""
    return f"{figure['name']:44} {_number(figure['value']):>10} {figure['unit']}{peer}{void}"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((row.partition(":")[2].strip() for row in lines if row.startswith("model name")), platform.machine())


def _row(figure: dict[str, Any]) -> str:
    reach, test = REACH.get(figure["name"], ("", None))
    verdict = "" if test is None else "yes" if figure.get("reached", test(figure["value"])) else "**no**"
    if "void" in figure:
        verdict = f"void: {'; '.join(figure['void'])}"
    peer = f"{figure['peer']}: {_number(figure['peer_value'])} (ratio {figure['ratio']})" if "peer" in figure else ""
    return f"| {figure['name']} | {_number(figure['value'])} | {figure['unit']} | {peer} | {reach} | {verdict} |"


def document(figures: list[dict[str, Any]], *, quick: bool) -> str:
    """Make the page."""
    kind = "Short runs, only for a look." if quick else "Made by `make bench`."
    made = (
        f"{kind} {time.strftime('%Y-%m-%d', time.gmtime())}, {os.cpu_count()} cores of {_processor()}, "
        f"Linux {platform.release()}, Python {platform.python_version()}."
    )
    return HEAD.format(made=made) + "\n".join([*(_row(figure) for figure in figures), ""])


def with_rows(page: str, figures: list[dict[str, Any]]) -> str:
    """Put the rows of a part's run into a page: in place of those of the same names, new ones at the end."""
    rows = {figure["name"]: _row(figure) for figure in figures}
    lines = [rows.pop(_name(line), line) for line in page.rstrip("\n").split("\n")]
    return "\n".join([*lines, *rows.values(), ""])


def _name(line: str) -> str:
    return line.split("|")[1].strip() if line.startswith("| ") else ""
