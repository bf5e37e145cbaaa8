"""Menus for tests that want one of every kind of node."""

from edge.config.compiled import CompiledSite
from edge.config.menu_tables import Mailbox, Table
from edge.config.queues import Agent, Queue, QueueAgent
from edge.config.site import Paths

EVERYTHING = """
version: 1
language: en
languages: [de]
time_zone: Europe/Berlin
start: open
attributes:
  account: digits
  answer: word
  tier: {values: [silver, gold], default: silver}
  visits: {type: number, max: 1000}
hours:
  office: {time_zone: Europe/Berlin, holidays: DE, week: {mon-fri: "08:00-18:00"}}
commands: {9: again, "*": back, "#": main_menu, 0: operator}
limits: {time: 30m, nodes: 300}
nodes:
  open:
    hours: office
    open: known
    closed: tell
    holiday: choose
  known:
    lookup: vip
    known: choose
    unknown: tell
    blocked: bye
  tell:
    say: {text: {en: "It is ${time}, on ${date}. You are ${tier}.", de: "Es ist ${time}, am ${date}."}}
    next: choose
  choose:
    language:
      greet_long: [{say: For English press 1., language: en}, {say: "Für Deutsch 2.", language: de}]
      max_failures: 2
    choices: {1: en, 2: de}
    next: sort
    failed: sort
  sort:
    set: {visits: "7", skill: "${language}"}
    next: branch
  branch:
    when:
      - {value: weekday, equals: [sat, sun], next: main}
      - {value: visits, least: 1, most: 9, next: first}
    otherwise: bye
  first:
    play: [{say: {en: "You have", de: "Sie haben"}}, {number: "${visits}"}, {money: "12.50", currency: EUR}]
    next: main
  main:
    gather:
      greet_long: {say: {en: "Main menu.", de: "Hauptmenü."}}
      greet_short: {say: {en: "Again.", de: "Nochmal."}}
      no_input: [[{say: {en: "Nothing.", de: "Nichts."}}], [{say: {en: "Still nothing.", de: "Immer noch nichts."}}]]
      no_match: {say: {en: "No.", de: "Nein."}}
      max_digits: 2
    choices:
      {1: account, 12: pin, 2: extension, 3: inner, 4: quiet, 5: operator, 6: question, 7: call-me, 8: rate,
       99: desk, flash: operator}
    failed: bye
  account:
    gather:
      greet_long: {say: {en: "Your number.", de: "Ihre Nummer."}}
      min_digits: 2
      max_digits: 6
      check: luhn
      into: account
      confirm: [{say: {en: "You typed ${digits}. Yes is 1.", de: "Sie tippten ${digits}. Ja ist 1."}}]
    next: main
    failed: main
  pin:
    play: [{say: {en: "Now it is secret.", de: "Jetzt ist es geheim."}}]
    next: secret-if
  secret-if:
    when: [{value: caller, begins: "+49", next: secret}]
    otherwise: account
  secret:
    gather: {greet_long: {say: {en: "Your pin.", de: "Ihre PIN."}}, max_digits: 4, sensitive: true, check: luhn}
    next: main
    failed: main
  extension:
    dial:
      greet_long: {say: {en: "Extension.", de: "Durchwahl."}}
      extensions: {101: "sip:a@192.0.2.1", 102: "sip:b@192.0.2.1"}
    choices: {7: main}
    on_outcome: {busy: main}
    failed: bye
    after: main
  inner:
    menu: ask
    results: {yes: quiet}
    next: main
  question:
    record:
      greet_long: {say: {en: "What can we do better?", de: "Was können wir besser machen?"}}
      max_length: 20s
      into: answer
      no_input: {say: {en: "Nothing.", de: "Nichts."}}
      review: {urgent_key: 7}
    next: box
    failed: main
  box:
    voicemail: {mailbox: desk, greeting_busy: {say: {en: "All are busy.", de: "Alle sprechen."}}, beep: none}
    next: main
    failed: main
    unavailable: bye
    on_full: question
  quiet:
    wait: 2s
    next: listen
  listen:
    listen: {wait_for: silence, timeout: 3s}
    next: press
    failed: who
  press:
    press: 12
    next: who
  who:
    answered: beep
    human: main
    machine: bye
  desk:
    queue:
      name: desk
      music: {say: {en: "Music.", de: "Musik."}}
      position: {say: {en: "You are number ${queue_position}.", de: "Sie sind Nummer ${queue_position}."}}
      wait: [{number: "${queue_minutes}"}, {say: {en: "minutes", de: "Minuten"}}]
      announce_every: 20s
      comfort: [[{say: {en: "Please wait.", de: "Bitte warten."}}], [{say: {en: "Still wait.", de: "Weiter warten."}}]]
      callback_offer: {say: {en: "Press 1 to be called.", de: "Rückruf mit 1."}}
      callback_after: 30s
      leave_key: "*"
    call_back: account
    left: main
    timed_out: operator
    failed: bye
    after: main
  operator:
    transfer: {to: "sip:${called}@192.0.2.1", ring_timeout: 5s}
    failed: bye
    after: rate
  call-me:
    callback:
      greet_long: {say: {en: "We call ${callback_number}.", de: "Wir rufen ${callback_number} an."}}
      ask_number: {say: {en: "Your number.", de: "Ihre Nummer."}}
      confirm: {say: {en: "${callback_number}.", de: "${callback_number}."}}
      hours: office
      latest: "17:00"
      max_failures: 2
    next: kept
    declined: later
    failed: main
  kept:
    say: {text: {en: "From ${callback_from} to ${callback_by} on ${callback_date}.", de: "${callback_date}."}}
    next: main
  later:
    survey: {by: callback, menu: ask}
    next: operator
  rate:
    survey:
      questions:
        polite: {ask: {say: {en: "How polite?", de: "Wie freundlich?"}}, labels: {5: very}}
        again: {ask: {say: {en: "Again?", de: "Wieder?"}}, scale: 0-10, reverse: true}
        why: {ask: {say: {en: "Why?", de: "Warum?"}}, record: 20s}
      thanks: {say: {en: Thanks., de: Danke.}}
    next: bye
  bye:
    say: {text: {en: Goodbye., de: Auf Wiedersehen.}}
    next: end
  end:
    hang_up: "${skill} ${reason_code}"
"""

SUBMENU = """
version: 1
language: en
languages: [de]
start: ask
nodes:
  ask:
    gather: {greet_long: {say: {en: "Yes is 1.", de: "Ja ist 1."}}, sensitive: true}
    choices: {1: right, 2: wrong}
    failed: wrong
  right:
    give_back: yes
  wrong:
    give_back:
"""


def site_of_everything(paths: Paths) -> CompiledSite:
    """Make a site that has what EVERYTHING names."""
    return CompiledSite(
        name="x",
        paths=paths,
        tables=[Table(name="vip", file="vip.csv")],
        mailboxes=[Mailbox(name="desk", review=True, max_messages=50)],
        agents=[Agent(name="anna", target="sip:anna@192.0.2.1")],
        queues=[Queue(name="desk", agents=[QueueAgent(agent="anna")])],
    )
