"""Generates commands from the argument grammar.

A sequence is a list of units; a unit is a list of commands that only make
sense together (a transaction, a random effect and what undoes it). The same
seed gives the same sequence.
"""

import random

import arguments
import mutate
import populate
import special
from values import TYPED_KEYS, Values

# Commands that are never drawn at random, each with its reason. Scenarios
# (sessions, blocking, protocol) send some of them by hand.
EXCLUDED = {
    "hello": "changes the protocol under the comparison; scripts/connection.txt",
    "reset": "same; scripts/connection.txt",
    "quit": "closes the connection; scripts/connection.txt",
    "auth": "scripts/connection.txt",
    "subscribe": "changes the connection's mode; scripts/connection.txt",
    "psubscribe": "same",
    "ssubscribe": "same",
    "unsubscribe": "same",
    "punsubscribe": "same",
    "sunsubscribe": "same",
    "monitor": "same",
    "multi": "only as a whole transaction; special.py",
    "exec": "same",
    "discard": "same",
    "shutdown": "ends the server",
    "failover": "changes the role",
    "replicaof": "changes the role",
    "slaveof": "changes the role",
    "psync": "turns the connection into a replica's",
    "sync": "same",
    "replconf": "same",
    "migrate": "needs a third server",
    "debug": "off by default",
    "pfselftest": "takes long and tests the server itself",
    "save": "disk",
    "bgsave": "disk",
    "bgrewriteaof": "disk",
    "module": "needs a module file",
    "lolwut": "free art",
    "info": "numbers of the moment",
    "command|docs": "texts are our own; parity.py",
    "command|info": "order of flags is free; parity.py",
    "command": "same",
    "command|list": "parity.py",
    "command|count": "parity.py",
    "eval": "special.py chooses whole scripts",
    "eval_ro": "same",
    "evalsha": "same",
    "evalsha_ro": "same",
    "fcall": "same",
    "fcall_ro": "same",
    "clusterscan": "cluster mode",
    "commandlog|get": "numbers of the moment",
    "slowlog|get": "numbers of the moment",
    "latency|histogram": "numbers of the moment",
    "latency|doctor": "free text",
    "latency|latest": "numbers of the moment",
    "memory|doctor": "free text",
    "memory|stats": "numbers of the moment",
    "memory|malloc-stats": "free text of the allocator",
    "time": "the clock",
    "lastsave": "the clock",
    "role": "replication offsets",
    "config|rewrite": "writes a file",
    "config|set": "special.py chooses directives",
    "config|resetstat": "statistics are not compared",
    "client|pause": "stops the run",
    "client|reply": "scripts/connection.txt",
    "client|kill": "may close the run's connection; scripts/connection.txt",
    "client|list": "addresses and times; scripts/connection.txt",
    "client|info": "same",
    "client|tracking": "pushes into the stream; scripts/tracking.txt",
    "client|caching": "needs tracking; scripts/tracking.txt",
    "client|setname": "survives the sequence; scripts/connection.txt",
    "client|setinfo": "same",
    "client|capa": "same",
    "client|no-touch": "same",
    "client|no-evict": "same",
    "client|import-source": "same",
    "client|unblock": "client ids differ; scripts/connection.txt",
    "readonly": "cluster mode",
    "readwrite": "cluster mode",
    "asking": "cluster mode",
    "script|debug": "takes the connection over",
    "script|kill": "nothing runs",
    "restore-asking": "as RESTORE",
}
EXCLUDED_PREFIXES = ("acl|", "cluster|", "module|", "sentinel")
# Arguments that the grammar calls optional although a valid command has one.
REQUIRED = {("geosearch", "from"), ("geosearchstore", "from")}
OPTIONAL_CHANCE = 0.3
# A count argument that announces how many of the next argument follow.
COUNTING = ("numkeys", "numfields", "num-vertices")
SESSION_MIX = ((0.70, None), (0.85, "generic"), (0.90, "transactions"), (0.92, "scripting"))


class Generator:
    """Draws units for a seed, from the commands that every target has."""

    def __init__(self, commands, available, payloads, muted=(), groups=None):
        self.rng = random.Random(0)
        self.random = self.rng.random
        self.values = Values(self.rng, payloads)
        self.by_group = {}
        self.compiled = {}
        self.session = "string"
        for name in sorted(commands):
            command = commands[name]
            parent = name.split("|")[0]
            if name not in available or parent in muted or name in muted or excluded(name):
                continue
            self.by_group.setdefault(command.group, []).append(command)
            self.compiled[name] = self._compile_all(command)
        self.available = available
        self.muted = set(muted)
        self.groups = [each for each in (groups or SESSIONS) if each in self.by_group or each in ("scripting", "transactions")]
        self.all_groups = sorted(self.by_group)

    def sequence(self, seed, length, group=None):
        """A list of units with about `length` commands in all."""
        self.rng.seed(f"{seed}")
        self.session = group or self.rng.choice(self.groups)
        self.values.next_stream_ms = 10
        self.values.enter(self.session)
        units = populate.opening(self)
        total = sum(len(unit) for unit in units)
        while total < length:
            unit = self._unit()
            units.append(unit)
            total += len(unit)
        return units

    def _unit(self):
        chance = self.random()
        if chance < 0.08:
            return populate.one(self)
        chance = self.random()
        group = self.session
        if chance >= SESSION_MIX[0][0]:
            group = next((name for limit, name in SESSION_MIX[1:] if chance < limit), None)
            if group is None:
                group = self.values.one(self.all_groups)
        if group == "transactions" and self.random() < 0.6:
            return special.transaction(self)
        if group == "scripting":
            return special.script(self)
        return self.unit_of(group)

    def unit_of(self, group):
        """One grammar-derived command of the group with what it needs."""
        args = self.command_of(group)
        if args is None:
            return populate.one(self)
        return special.settle(self, args)

    def command_of(self, group):
        """A valid or damaged command of the group; None if it has none."""
        commands = self.by_group.get(group)
        if not commands:
            return None
        command = self.values.one(commands)
        args = self.valid(command)
        if self.random() < 0.12:
            args = mutate.damage(self, command, args)
        return args

    def valid(self, command):
        """A command that follows the grammar, except where a value does not."""
        args = command.words()
        for step in self.compiled[command.name]:
            step(args)
        special.fit(self, command.name, args)
        return args

    def has(self, name):
        """Whether the generator may send this command."""
        return name in self.available and name not in self.muted

    def key(self, group):
        return self.values.key(group, self.session)

    # Grammar nodes become closures once, so that drawing is cheap.

    def _compile_all(self, command):
        return self._sequence(command, command.arguments)

    def _sequence(self, command, nodes):
        steps = []
        index = 0
        while index < len(nodes):
            node = nodes[index]
            following = nodes[index + 1] if index + 1 < len(nodes) else None
            if node.name in COUNTING and following is not None and following.multiple:
                steps.append(self._counted(command, node, following))
                index += 2
                continue
            if command.name in ("xread", "xreadgroup") and node.token == b"STREAMS":
                steps.append(self._streams(command, node))
            else:
                steps.append(self._compile(command, node))
            index += 1
        return steps

    def _compile(self, command, node):
        if node.name == "weight":
            body = self._weights(command, node)
        else:
            body = self._body(command, node)
            if node.multiple:
                body = self._repeated(node, body)
        if node.token is not None and node.kind != "pure-token" and not (node.multiple and node.token_each_time):
            body = self._with_token(node.token, body)
        if node.optional and (command.name, node.name) not in REQUIRED:
            return self._maybe(body)
        return body

    def _body(self, command, node):
        if node.kind == "pure-token":
            return self._with_token(node.token, None)
        if node.kind == "key":
            group = command.group
            return lambda args: args.append(self.key(group))
        if node.kind == "oneof":
            choices = [self._compile(command, child) for child in node.children]
            return lambda args: self.values.one(choices)(args)
        if node.kind == "block":
            steps = self._sequence(command, node.children)

            def block(args):
                for step in steps:
                    step(args)

            return block
        draw = arguments.source(command.name, command.group, node)
        return lambda args: args.append(draw(self.values))

    def _with_token(self, token, body):
        lower = token.lower()

        def tokened(args):
            args.append(token if self.random() < 0.85 else lower)
            if body:
                body(args)

        return tokened

    def _maybe(self, body):
        def maybe(args):
            if self.random() < OPTIONAL_CHANCE:
                body(args)

        return maybe

    def _repeated(self, node, body):
        token = node.token if node.token_each_time else None

        def repeated(args):
            count = 1 if self.random() < 0.45 else 2 + int(self.random() * 3)
            for _ in range(count):
                if token:
                    args.append(token)
                body(args)

        return repeated

    def _counted(self, command, node, following):
        body = self._body(command, following)

        def counted(args):
            at = len(args)
            args.append(b"")
            count = 1 + int(self.random() * 3) + (2 if node.name == "num-vertices" else 0)
            if following.optional and self.random() < 0.3:
                count = 0
            for _ in range(count):
                body(args)
            self.counted = count
            right = self.random() < 0.94
            args[at] = b"%d" % count if right else self.values.one([b"0", b"-1", b"abc", b"100", b"1", b"2"])

        return counted

    def _weights(self, command, node):
        draw = arguments.source(command.name, command.group, node)

        def weights(args):
            count = self.counted if self.random() < 0.92 else 1
            args.extend(draw(self.values) for _ in range(count))

        return weights

    def _streams(self, command, node):
        draw = arguments.source(command.name, command.group, node.children[1])

        def streams(args):
            args.append(b"STREAMS")
            count = 1 + int(self.random() * 2.3)
            args.extend(self.key("stream") for _ in range(count))
            if self.random() < 0.05:
                count += 1
            args.extend(draw(self.values) for _ in range(count))

        return streams


def excluded(name):
    """Whether a command is left out of random sequences."""
    return name in EXCLUDED or name.startswith(EXCLUDED_PREFIXES) or name.endswith("|help")


# One session kind a group; the group's commands are most of what is sent.
SESSIONS = [*TYPED_KEYS, "generic", "transactions", "scripting", "server", "connection", "pubsub"]
