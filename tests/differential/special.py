"""What the grammar does not say: related arguments, transactions, scripts."""

import hashlib

import lua_scripts
import populate
import values as v

SCANS = {"scan": 1, "sscan": 2, "hscan": 2, "zscan": 2}
LEX = {b"ZRANGEBYLEX": 1, b"ZREVRANGEBYLEX": 1, b"ZREMRANGEBYLEX": 1, b"ZLEXCOUNT": 1, b"ZRANGE": 1, b"ZRANGESTORE": 2}
RANGES = {"zrange": 2, "zrangestore": 3}


def fit(generator, name, args):
    """Makes arguments agree that the grammar leaves independent."""
    draw = generator.values
    if name in RANGES and draw.random() < 0.93:
        at = RANGES[name]
        upper = [arg.upper() for arg in args[at:]]
        pool = v.LEX_BOUNDS if b"BYLEX" in upper else v.SCORE_BOUNDS if b"BYSCORE" in upper else None
        if pool:
            args[at] = draw.one(pool)
            args[at + 1] = draw.one(pool)
    if name.startswith("z"):
        _fit_limit(args)
    if name in RANGES:
        return
    if name in SCANS and draw.random() < 0.93:
        # A whole scan in one call is the only one with a comparable content.
        for index in range(SCANS[name] + 1, len(args) - 1):
            if args[index].upper() == b"COUNT":
                args[index + 1] = b"1000000"
                return
        args += [b"COUNT", b"1000000"]
    elif name in ("sort", "sort_ro"):
        _fit_sort(args)
    elif name in ("command|getkeys", "command|getkeysandflags"):
        inner = generator.command_of(draw.one(generator.all_groups))
        if inner and generator.random() < 0.95:
            args[2:] = inner


def _fit_limit(args):
    """A negative offset means something else in each of the reference's encodings."""
    for index, arg in enumerate(args[:-1]):
        if arg.upper() == b"LIMIT" and args[index + 1].startswith(b"-"):
            args[index + 1] = b"1"


def _fit_sort(args):
    """Texts that tie under BY keep no order, so BY and ALPHA go apart."""
    upper = [arg.upper() for arg in args]
    if b"BY" in upper and b"ALPHA" in upper:
        del args[upper.index(b"ALPHA")]


def settle(generator, args):
    """The unit of a command: with what makes a random effect comparable."""
    name = args[0].upper()
    if name == b"SPOP" and len(args) > 1:
        everything = len(args) == 3 and args[2] in (b"1000000", b"0")
        return [args] if everything else [args, [b"DEL", args[1]]]
    if name in LEX and len(args) > LEX[name] and _lexical(name, args):
        # Lexical ranges mean something only where all scores are equal.
        key = args[LEX[name]]
        return [[b"ZUNIONSTORE", key, b"1", key, b"WEIGHTS", b"0"], args] if generator.has("zunionstore") else []
    if name == b"XADD" and b"*" in args:
        return [args, [b"DEL", args[1]]]
    if name == b"DBSIZE":
        # Touched, expired keys are gone; before, they count until the server finds them.
        return [[b"EXISTS", *v.ALL_KEYS], args]
    if name == b"SELECT":
        inner = generator.command_of("generic") or [b"PING"]
        return [args, inner, [b"SELECT", b"0"]]
    if name in (b"FLUSHALL", b"FLUSHDB") and generator.random() < 0.8:
        return [[b"PING"]]
    return [args]


def _lexical(name, args):
    return name not in (b"ZRANGE", b"ZRANGESTORE") or b"BYLEX" in (arg.upper() for arg in args)


def transaction(generator):
    """WATCH, MULTI, some commands, EXEC or DISCARD; sometimes damaged."""
    if not generator.has("multi"):
        return populate.one(generator)
    rnd = generator.random
    key = generator.key(generator.session)
    unit = []
    if rnd() < 0.3 and generator.has("watch"):
        unit.append([b"WATCH", key])
        if rnd() < 0.5:
            unit += populate.one(generator) if rnd() < 0.5 else [[b"SET", key, b"touched"]]
    unit.append([b"MULTI"])
    for _ in range(int(rnd() * 5)):
        group = generator.session if rnd() < 0.6 else generator.values.one(generator.all_groups)
        if group in ("transactions", "connection"):
            group = "string"
        unit += generator.unit_of(group)
    if rnd() < 0.05:
        unit.append(generator.values.one([[b"MULTI"], [b"WATCH", key], [b"NOSUCHCOMMAND"], [b"GET"], [b"UNWATCH"]]))
    chance = rnd()
    if chance < 0.8:
        unit.append([b"EXEC"])
    elif chance < 0.93:
        unit.append([b"DISCARD"])
    else:
        unit += [[b"EXEC", b"extra"], [b"EXEC"]]
    return unit


def script(generator):
    """A unit that runs a Lua script or function."""
    rnd = generator.random
    if not generator.has("eval"):
        return populate.one(generator)
    if rnd() < 0.25:
        return _wrapped(generator)
    source, groups, count = generator.values.one(lua_scripts.SCRIPTS)
    keys = [generator.key(group) for group in groups]
    args = [generator.values.element() for _ in range(count)]
    if rnd() < 0.05:
        args.append(b"extra")
    numkeys = b"%d" % len(keys) if rnd() < 0.96 else generator.values.one([b"-1", b"abc", b"100", b""])
    tail = [numkeys, *keys, *args]
    chance = rnd()
    if chance < 0.65:
        return [[b"EVAL", source, *tail]]
    if chance < 0.8 and generator.has("eval_ro"):
        return [[b"EVAL_RO", source, *tail]]
    if chance < 0.92 and generator.has("evalsha") and generator.has("script"):
        sha = hashlib.sha1(source).hexdigest().encode()
        load = [[b"SCRIPT", b"LOAD", source]] if rnd() < 0.8 else []
        return load + [[b"EVALSHA" if rnd() < 0.8 else b"EVALSHA_RO", sha if rnd() < 0.9 else sha.upper(), *tail]]
    if generator.has("fcall") and generator.has("function"):
        function = generator.values.one(lua_scripts.FUNCTIONS)
        call = [b"FCALL" if rnd() < 0.7 else b"FCALL_RO", function, *tail]
        return [[b"FUNCTION", b"LOAD", b"REPLACE", lua_scripts.LIBRARY], call]
    return [[b"EVAL", source, *tail]]


def _wrapped(generator):
    """Any command through redis.call or redis.pcall, with undeclared keys."""
    group = generator.values.one(generator.all_groups)
    unit = generator.unit_of("string" if group in ("transactions", "connection", "server") else group)
    if len(unit) > 2:
        return unit
    source = generator.values.one(lua_scripts.WRAPPERS)
    return [[b"EVAL", source, b"0", *unit[0]], *unit[1:]]
