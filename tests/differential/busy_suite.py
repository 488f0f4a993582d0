"""Scripts that run for longer than clients are made to wait: what others read meanwhile, and how the scripts end.

What is asked concerns the key of the script, so that it does not matter which shard serves the other connection. Some of it is sent before the
script is slow, each by a connection of its own; the rest once the server says that it is.
"""

import time

import rules
from resp import Connection, encode, show, show_command

BUSY = b"BUSY"
WAIT_S = 20.0
START_S = 0.05
LIBRARY = """#!lua name=busy
server.register_function('endless', function(keys) while true do end end)
server.register_function('writing', function(keys) server.call('SET', keys[1], 1) local t = os.clock() while os.clock() - t < 1 do end return 'done' end)"""
ASKED = [
    ["GET", "key"], ["NOSUCH"], ["GET"], ["SELECT", "1"], ["SELECT", "0"], ["CLIENT", "SETNAME", "x"], ["CLIENT", "GETNAME"], ["MULTI"], ["GET", "key"], ["EXEC"], ["MULTI"], ["DISCARD"],
    ["EXEC"], ["UNWATCH"], ["WATCH", "key", "other"], ["MULTI"], ["GET", "key"], ["EXEC"], ["WATCH", "key"], ["UNWATCH"], ["SHUTDOWN"], ["SHUTDOWN", "SAVE"], ["SHUTDOWN", "ABORT"], ["SHUTDOWN", "bad"], ["FLUSHALL"], ["EVAL", "return 1", "1", "key"], ["SUBSCRIBE"], ["RESET"],
]
# What connections have sent when the script turns slow; each of a list in one go. All of it concerns the script's key.
EARLY = [
    [["GET", "key"]], [["SET", "key", "1"], ["GET", "key"]], [["MGET", "key", "a", "b", "c"]], [["MSET", "key", "1", "a", "1", "b", "1", "c", "1"]],
    [["WATCH", "key", "a"], ["MULTI"], ["SET", "key", "1"], ["SET", "a", "1"], ["EXEC"], ["UNWATCH"]], [["LMOVE", "key", "a", "LEFT", "LEFT"]], [["BLPOP", "key", "a", "0"]], [["FLUSHALL"]], [["DBSIZE"], ["KEYS", "*"]],
    [["INFO", "server"]], [["EVAL", "return redis.call('GET', KEYS[1])", "1", "key"]], [["EVAL", "return redis.call('GET', KEYS[2])", "2", "a", "key"]], [["SUNIONSTORE", "key", "a", "b"]],
]
# Scripts that have written cannot be killed: they run for long enough that a machine with other work has asked all it wants before their end.
RUNS = [
    (["EVAL", "while true do end", "1", "key"], [["FUNCTION", "STATS"], ["FUNCTION", "KILL"], ["SCRIPT", "KILL"]]),
    (["EVAL", "while pcall(redis.call, 'GET', KEYS[1]) do end", "1", "key"], [["SCRIPT", "KILL"]]),
    (["EVAL", "return coroutine.wrap(function() while true do end end)()", "1", "key"], [["SCRIPT", "KILL"]]),
    (["FCALL", "endless", "1", "key"], [["SCRIPT", "KILL"], ["FUNCTION", "KILL"]]),
    (["EVAL", "redis.call('SET', KEYS[1], 1) local t = os.clock() while os.clock() - t < 1 do end return 'done'", "1", "key"], [["SCRIPT", "KILL"], ["FUNCTION", "KILL"]]),
    (["FCALL", "writing", "1", "key"], [["FUNCTION", "KILL"], ["SCRIPT", "KILL"]]),
]
AFTER = [["SCRIPT", "KILL"], ["FUNCTION", "KILL"], ["GET", "key"], ["PING"]]


def run(reference, others, report):
    """Plays all runs; how many replies agreed, which did not."""
    agreed, failures = 0, []
    ours = _played(reference)
    for other in others:
        theirs = _played(other)
        for (command, a), (_, b) in zip(ours, theirs, strict=True):
            if rules.same(command, a, b, None):
                agreed += 1
                continue
            failures.append(("busy", show_command(command), other.name))
            report(f"DIFFERENCE busy {other.name}\n    {show_command(command)}\n  reference: {show(a)}\n  other:     {show(b)}")
    return agreed, failures


def _played(server):
    """Everything that is said, as pairs of a command and its reply."""
    heard = []
    asking = Connection(server.port)
    ask = lambda command: heard.append(([word.encode() for word in command], asking.call(*command)))
    for command in (["FLUSHALL"], ["FUNCTION", "FLUSH"], ["FUNCTION", "LOAD", LIBRARY], ["CONFIG", "SET", "busy-reply-threshold", "100"]):
        ask(command)
    for script, ends in RUNS:
        running = Connection(server.port)
        early = [Connection(server.port) for _ in EARLY]
        for connection in early:
            connection.call("SELECT", "0")
        try:
            running.send(encode([word.encode() for word in script]))
            if "while true" in script[1] or script[1] == "endless":
                # The script is under way when these come, whichever shard takes them in.
                time.sleep(START_S)
                for connection, commands in zip(early, EARLY, strict=True):
                    connection.send(b"".join(encode([word.encode() for word in command]) for command in commands))
                for connection, commands in zip(early, EARLY, strict=True):
                    for command, reply in zip(commands, [connection.read_reply(WAIT_S) for _ in commands], strict=True):
                        heard.append(([word.encode() for word in command], reply))
            _await_busy(server, script)
            for command in ASKED if "while true" in script[1] or script[1] == "endless" else []:
                ask(command)
            for command in ends:
                ask(command)
            heard.append(([word.encode() for word in script], running.read_reply(WAIT_S)))
        except BaseException:
            _clean_up(server)
            raise
        finally:
            for connection in [running, *early]:
                connection.close()
        for command in AFTER:
            ask(command)
    ask(["CONFIG", "SET", "busy-reply-threshold", "5000"])
    asking.close()
    return heard


def _await_busy(server, script):
    """Returns once clients need not wait for the script any more: FUNCTION STATS tells, and needs no key."""
    looking = Connection(server.port)
    deadline = time.monotonic() + WAIT_S
    while True:
        kind, content = looking.call("FUNCTION", "STATS")
        # A script makes it an error, a function is shown after the title.
        if kind == "-" and content.startswith(BUSY) or kind != "-" and content[1][1] is not None:
            break
        if time.monotonic() > deadline:
            raise RuntimeError(f"{server.name} does not become busy by {script}")
        time.sleep(0.01)
    looking.close()


def _clean_up(server):
    """Ends what still runs, so that the suites that follow find the server free."""
    killing = Connection(server.port)
    deadline = time.monotonic() + WAIT_S
    ends = (("SCRIPT", "KILL"), ("FUNCTION", "KILL"))
    while not all(killing.call(*end)[1].startswith(b"NOTBUSY") for end in ends) and time.monotonic() < deadline:
        time.sleep(0.01)
    killing.call("CONFIG", "SET", "busy-reply-threshold", "5000")
    killing.close()
