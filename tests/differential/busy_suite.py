"""Scripts that run for longer than clients are made to wait: what others read meanwhile, and how the scripts end.

What is asked concerns the key of the script, so that it does not matter which shard serves the other connection. It is asked once the server says
that the script is slow: a command that another shard has sent to the script's before that waits there for the script's end.
"""

import time

import rules
from resp import Connection, encode, parse, show, show_command

BUSY = b"BUSY"
WAIT_S = 20.0
LIBRARY = """#!lua name=busy
server.register_function('endless', function(keys) while true do end end)
server.register_function('writing', function(keys) server.call('SET', keys[1], 1) local t = os.clock() while os.clock() - t < 0.15 do end return 'done' end)"""
ASKED = [
    ["GET", "key"], ["NOSUCH"], ["GET"], ["SELECT", "1"], ["SELECT", "0"], ["CLIENT", "SETNAME", "x"], ["CLIENT", "GETNAME"], ["MULTI"], ["GET", "key"], ["EXEC"], ["MULTI"], ["DISCARD"],
    ["EXEC"], ["UNWATCH"], ["SHUTDOWN"], ["SHUTDOWN", "SAVE"], ["SHUTDOWN", "ABORT"], ["SHUTDOWN", "bad"], ["FLUSHALL"], ["EVAL", "return 1", "1", "key"], ["SUBSCRIBE"], ["RESET"],
]
RUNS = [
    (["EVAL", "while true do end", "1", "key"], [["FUNCTION", "STATS"], ["FUNCTION", "KILL"], ["SCRIPT", "KILL"]]),
    (["EVAL", "while pcall(redis.call, 'GET', KEYS[1]) do end", "1", "key"], [["SCRIPT", "KILL"]]),
    (["EVAL", "return coroutine.wrap(function() while true do end end)()", "1", "key"], [["SCRIPT", "KILL"]]),
    (["FCALL", "endless", "1", "key"], [["SCRIPT", "KILL"], ["FUNCTION", "KILL"]]),
    (["EVAL", "redis.call('SET', KEYS[1], 1) local t = os.clock() while os.clock() - t < 0.15 do end return 'done'", "1", "key"], [["SCRIPT", "KILL"], ["FUNCTION", "KILL"]]),
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
    for command in (["FLUSHALL"], ["FUNCTION", "FLUSH"], ["FUNCTION", "LOAD", LIBRARY], ["CONFIG", "SET", "busy-reply-threshold", "20"]):
        ask(command)
    for script, ends in RUNS:
        running = Connection(server.port)
        try:
            running.send(encode([word.encode() for word in script]))
            _await_busy(server, script)
            for command in ASKED if "while true" in script[1] or script[1] == "endless" else []:
                ask(command)
            for command in ends:
                ask(command)
            heard.append(([word.encode() for word in script], _reply(running)))
        except BaseException:
            _clean_up(server)
            raise
        finally:
            running.close()
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


def _reply(connection):
    """The one reply that is still to come."""
    connection.sock.settimeout(WAIT_S)
    data = bytes(connection.buf)
    while not data.endswith(b"\r\n"):
        data += connection.sock.recv(65536)
    return parse(data, 0)[0]
