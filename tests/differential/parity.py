"""Compares what servers say about themselves: COMMAND, CONFIG GET, INFO.

Facts are compared (arity, flags, keys, categories, tips, grammar, versions);
texts are each server's own words and need only be there. Commands that the
server under test lacks are listed by group and do not count as failures.

    parity.py --corelane BIN --valkey BIN [--complete]
"""

import argparse
import os
import re
import sys

import grammar
import servers
from generator import Generator
from resp import Connection, encode, plain, show_command

# Positions in COMMAND INFO's reply.
NAME, ARITY, FLAGS, FIRST, LAST, STEP, ACL, TIPS, KEY_SPECS, SUBCOMMANDS = range(10)
GETKEYS_ROUNDS = 20_000
GETKEYS_SHOWN = 20
# Directives and INFO fields that depend on where and how a server was started.
OF_THIS_RUN = ("port", "dir", "pidfile", "logfile")
# Safe defaults of our own (docs/differences.md) and what the harness starts each server with.
INTENDED = ("bind", "enable-debug-command")
# What we have beyond the peer (docs/differences.md): commands, and arguments of its commands by their names.
BEYOND = {"corelane", "corelane|help", "corelane|route", "xackdel", "xcfgset", "xdelex", "xnack"}
ARGUMENTS_BEYOND = {"xadd": {"condition", "idmp"}, "xreadgroup": {"min-idle-time"}, "xtrim": {"condition"}}
NUMBERED = ("cmdstat_", "errorstat_", "latency_percentiles_", "db", "module:", "slave")


def info_facts(entry):
    """The comparable facts of one COMMAND INFO entry by name."""
    return {
        "arity": entry[ARITY],
        "flags": sorted(entry[FLAGS]),
        "first, last, step": entry[FIRST : STEP + 1],
        "acl categories": sorted(entry[ACL]),
        "tips": sorted(entry[TIPS]),
        "key specs": [_without(spec, ("notes",)) for spec in entry[KEY_SPECS]],
    }


def docs_facts(doc):
    """The comparable facts of one COMMAND DOCS entry by name."""
    return {
        "since": doc.get("since"),
        "group": doc.get("group"),
        "complexity": _order_of(doc.get("complexity")),
        "summary is there": bool(doc.get("summary")),
        "doc flags": sorted(doc.get("doc_flags", [])),
        "deprecated since": doc.get("deprecated_since"),
        "arguments": _without(doc.get("arguments", []), ("summary",)),
    }


def _without(value, names):
    """A nested value without the entries of these names."""
    if isinstance(value, dict):
        return {key: _without(item, names) for key, item in value.items() if key not in names}
    if isinstance(value, list):
        return sorted(value) if value and all(isinstance(each, str) for each in value) else [_without(item, names) for item in value]
    return value


def _common(name, doc):
    """The entry of a command without the arguments that only we have, all of which must be there."""
    beyond = ARGUMENTS_BEYOND.get(name, set())
    arguments = doc.get("arguments", [])
    kept = [each for each in arguments if each["name"] not in beyond]
    if len(kept) + len(beyond) != len(arguments):
        return doc
    return {**doc, "arguments": kept}


def _order_of(text):
    """The first O(...) of a complexity text, the rest being prose."""
    if text is None:
        return None
    start = text.find("O(")
    if start < 0:
        return None
    depth = 0
    for end in range(start + 1, len(text)):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        if depth == 0:
            return re.sub(r"\s", "", text[start : end + 1])
    return text[start:]


class Parity:
    """The comparison and its count."""

    def __init__(self, ours, theirs):
        self.ours = ours
        self.theirs = theirs
        self.passed = 0
        self.failures = []

    def check(self, name, ours, theirs):
        """Compares the facts of a command, one line for each that differs."""
        for fact, value in ours.items():
            if theirs.get(fact) == value:
                self.passed += 1
                continue
            self.failures.append((name, fact))
            print(f"{name}: {fact}: {_short(value)} here {_short(theirs.get(fact))}")

    def info(self):
        """COMMAND INFO of every command; the names that are missing."""
        ours, theirs = (self._info_by_name(each) for each in (self.ours, self.theirs))
        for name in sorted(ours):
            if name in theirs:
                self.check(name, info_facts(ours[name]), info_facts(theirs[name]))
        return sorted(set(ours) - set(theirs)), sorted(set(theirs) - set(ours))

    def _info_by_name(self, connection):
        entries = {}
        for entry in plain(connection.call("COMMAND")):
            entries[entry[NAME]] = entry
            entries.update({sub[NAME]: sub for sub in entry[SUBCOMMANDS]})
        return entries

    def docs(self):
        """COMMAND DOCS of every command; returns the groups by name."""
        ours, theirs = (self._docs_by_name(each) for each in (self.ours, self.theirs))
        for name in sorted(ours):
            if name in theirs:
                self.check(name, docs_facts(ours[name]), docs_facts(_common(name, theirs[name])))
        return {name: doc.get("group", "?") for name, doc in ours.items()}

    def _docs_by_name(self, connection):
        entries = {}
        for name, doc in plain(connection.call("COMMAND", "DOCS")).items():
            entries[name] = doc
            entries.update(doc.get("subcommands", {}))
        return entries

    def config(self):
        """Names and values of all directives, but for what belongs to this run."""
        ours, theirs = (plain(each.call("CONFIG", "GET", "*")) for each in (self.ours, self.theirs))
        own = {name: value for name, value in ours.items() if name not in OF_THIS_RUN + INTENDED}
        self.check("config", own, theirs)
        return sorted(set(theirs) - set(ours))

    def info_fields(self):
        """Fields of INFO that are missing, with their sections; the order of those that are there is compared."""
        ours, theirs = (_fields_of(each) for each in (self.ours, self.theirs))
        missing = []
        for section, fields in ours.items():
            there = theirs.get(section, [])
            missing += [f"{section}/{name}" for name in fields if name not in there]
            common = [name for name in fields if name in there]
            self.check(f"info {section}", {"order": common}, {"order": [name for name in there if name in fields]})
        return missing

    def keys_of_commands(self, seed):
        """COMMAND GETKEYS and GETKEYSANDFLAGS of generated commands."""
        available = grammar.command_names(self.ours) & grammar.command_names(self.theirs)
        generator = Generator(grammar.load(self.ours), available, [])
        generator.rng.seed(seed)
        shown = 0
        for _ in range(GETKEYS_ROUNDS):
            inner = generator.command_of(generator.values.one(generator.all_groups))
            for verb in ("GETKEYS", "GETKEYSANDFLAGS"):
                request = encode([b"COMMAND", verb.encode(), *inner])
                for each in (self.ours, self.theirs):
                    each.send(request)
                a, b = self.ours.read_reply(), self.theirs.read_reply()
                if a == b or (verb == "GETKEYSANDFLAGS" and _flags_sorted(a) == _flags_sorted(b)):
                    self.passed += 1
                    continue
                self.failures.append((verb.lower(), inner[0].lower()))
                shown += 1
                if shown <= GETKEYS_SHOWN:
                    print(f"{verb} {show_command(inner)}: {plain(a)} here {plain(b)}")


def _flags_sorted(reply):
    if reply[0] == "-":
        return reply
    return [(key, sorted(flags)) for key, flags in plain(reply)]


def _fields_of(connection):
    """INFO's field names by section; numbered ones once."""
    sections, fields = {}, None
    text = connection.call("INFO", "everything")[1].decode("latin-1")
    for line in text.splitlines():
        if line.startswith("# "):
            fields = sections.setdefault(line[2:], [])
        elif ":" in line and fields is not None and not line.startswith(NUMBERED):
            fields.append(line.split(":")[0])
    return sections


def _short(value):
    text = repr(value)
    return text if len(text) < 400 else text[:400] + "..."


def main(argv):
    parser = argparse.ArgumentParser(prog="parity")
    parser.add_argument("--corelane", required=True)
    parser.add_argument("--valkey", required=True)
    parser.add_argument("--port", type=int, default=21130)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--complete", action="store_true", help="missing commands count as failures")
    options = parser.parse_args(argv)
    reference = servers.start_valkey(os.path.abspath(options.valkey), options.port)
    options.corelane = os.path.abspath(options.corelane) if options.corelane != "valkey" else "valkey"
    if options.corelane == "valkey":
        other = servers.start_valkey(options.valkey, options.port + 1)
    else:
        other = servers.start_corelane(options.corelane, options.port + 1, 2)
    connections = [Connection(each.port) for each in (reference, other)]
    for connection in connections:
        connection.call("HELLO", "3")
    parity = Parity(*connections)
    missing, extra = parity.info()
    groups = parity.docs()
    directives = parity.config()
    fields = parity.info_fields()
    parity.keys_of_commands(options.seed)
    for group in sorted({groups.get(name, "?") for name in missing}):
        print(f"missing {group}: {' '.join(name for name in missing if groups.get(name, '?') == group)}")
    if fields:
        print(f"missing fields of INFO: {' '.join(fields)}")
    if extra:
        print(f"only here: {' '.join(extra)}")
    if options.corelane != "valkey":
        parity.failures += [(name, "is here or there only") for name in sorted(set(extra) ^ BEYOND)]
    if directives:
        print(f"directives only here: {' '.join(directives)}")
    if options.complete:
        parity.failures += [(name, "missing") for name in missing + fields]
    print(f"{len(missing)} missing")
    print(f"{parity.passed} passed, {len(parity.failures)} failed")
    return 1 if parity.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
