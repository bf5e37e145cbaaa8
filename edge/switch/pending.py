"""Commands on their way: to whom, whether sent on the present connection, and whether done."""

from edge.core.calls.actions import Send
from edge.vocabulary.commands import LEAVES_EARLY, AnyCommand, Command
from edge.vocabulary.ids import CallId, CommandId


def call_of_command(command: CommandId) -> CallId:
    """Return the call in `<call>:<input>:<action>`."""
    return CallId(command.rsplit(":", 2)[0])


def receiver_of(process: str, incarnation: str) -> str:
    """Name whom a command is for: a span by its life, the others by their process, for a successor does as well."""
    return f"span {incarnation}" if process == "span" else process


class Pending:
    """Kept in order for each receiver until done; all of it is sent again when the receiver connects anew."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[CommandId, AnyCommand]] = {}
        self._sent: dict[str, dict[CommandId, AnyCommand]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values())) + sum(map(len, self._sent.values()))

    def add(self, send: Send, process: str = "") -> None:
        """Queue a command; `process` names the receiver where there are several of the kind `send.to`."""
        receiver = receiver_of(process or send.to, send.span)
        self._waiting.setdefault(receiver, {})[send.id] = send.body

    def done(self, receiver: str, command: CommandId) -> None:
        """Forget a command that was carried out (or could not be)."""
        for box in (self._sent, self._waiting):
            commands = box.get(receiver)
            if commands is not None and commands.pop(command, None) is not None:
                if not commands:
                    del box[receiver]
                return

    def take(self, receiver: str) -> list[Command]:
        """Return what is to be sent now; it counts as sent."""
        waiting = self._waiting.pop(receiver, None)
        if waiting is None:
            return []
        self._sent.setdefault(receiver, {}).update(waiting)
        return [Command(id_, body) for id_, body in waiting.items()]

    def take_early(self, receiver: str) -> list[Command]:
        """Return what may be sent before the turn is on disk, in order."""
        early = []
        for id_, body in self._waiting.get(receiver, {}).items():
            if not isinstance(body, LEAVES_EARLY):
                break
            early.append(Command(id_, body))
        for command in early:
            del self._waiting[receiver][command.id]
            self._sent.setdefault(receiver, {})[command.id] = command.body
        if early and not self._waiting[receiver]:
            del self._waiting[receiver]
        return early

    def waiting(self) -> list[str]:
        """Return the receivers that something waits for."""
        return list(self._waiting)

    def again(self, receiver: str) -> None:
        """Send everything again: the receiver has a new connection."""
        sent = self._sent.pop(receiver, None)
        if sent is not None:
            self._waiting[receiver] = {**sent, **self._waiting.get(receiver, {})}

    def forget(self, call: CallId, connected: set[str]) -> None:
        """Forget the commands of a call that is over, except those that a connected receiver has yet to be sent."""
        for box in (self._sent, self._waiting):
            for receiver in list(box):
                if box is self._waiting and receiver in connected:
                    continue
                kept = {id_: body for id_, body in box[receiver].items() if call_of_command(id_) != call}
                if kept:
                    box[receiver] = kept
                else:
                    del box[receiver]

    def has(self, receiver: str, call: CallId) -> bool:
        """Whether a command of `call` to `receiver` is not done."""
        boxes = (self._sent.get(receiver, {}), self._waiting.get(receiver, {}))
        return any(call_of_command(id_) == call for box in boxes for id_ in box)
