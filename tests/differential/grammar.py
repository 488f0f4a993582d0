"""Reads the argument grammar of a server's commands from COMMAND DOCS.

The grammar is what the generator walks. Subcommands become commands of their
own, named `parent|sub` as the servers name them.
"""

from dataclasses import dataclass, field

from resp import plain


@dataclass
class Argument:
    """One node of a command's grammar."""

    name: str
    kind: str
    token: bytes | None = None
    optional: bool = False
    multiple: bool = False
    token_each_time: bool = False
    children: list = field(default_factory=list)


@dataclass
class CommandGrammar:
    """A command or subcommand with its arguments."""

    name: str
    group: str
    arguments: list

    def words(self):
        """The command's name as it is sent."""
        return [word.encode() for word in self.name.upper().split("|")]


def pairs(items):
    """A RESP2 map (flat list) or a RESP3 one as a dict."""
    if isinstance(items, dict):
        return items
    return dict(zip(items[::2], items[1::2]))


def load(connection):
    """The grammar of every command that the server documents, by name."""
    docs = pairs(plain(connection.call("COMMAND", "DOCS")))
    commands = {}
    for name, doc in docs.items():
        _collect(name, pairs(doc), commands)
    return commands


def _collect(name, doc, commands):
    subcommands = doc.get("subcommands")
    if subcommands:
        for sub, sub_doc in pairs(subcommands).items():
            _collect(sub, pairs(sub_doc), commands)
        return
    arguments = [_argument(pairs(each)) for each in doc.get("arguments", [])]
    commands[name] = CommandGrammar(name, doc.get("group", "?"), arguments)


def _argument(doc):
    flags = doc.get("flags", [])
    token = doc.get("token")
    return Argument(
        name=doc["name"],
        kind=doc["type"],
        token=None if token is None else token.encode(),
        optional="optional" in flags,
        multiple="multiple" in flags,
        token_each_time="multiple_token" in flags,
        children=[_argument(pairs(child)) for child in doc.get("arguments", [])],
    )


def command_names(connection, candidates=()):
    """The commands and subcommands that a server has, in lower case.

    A server without COMMAND is asked for each candidate by its name alone.
    """
    entries = plain(connection.call("COMMAND"))
    if isinstance(entries, list):
        return {command[0] for entry in entries for command in (entry, *entry[9])}
    found = set()
    for name in candidates:
        reply = connection.call(name)
        if reply[0] != "-" or not reply[1].startswith(b"ERR unknown command"):
            found.add(name)
    return found
