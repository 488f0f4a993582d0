"""Generated Lua scripts: expressions over all that a sandbox offers, and values of every kind that a script can return or raise.

Each script stands alone: what it changes for those after it (the settings of cjson) it sets back, and nothing that it answers depends on
addresses, clocks or the order of clients.
"""

import random

STRINGS = ["", "a", "abc", "hello world", "10", "1.5", "0x10", " 7 ", "-", "nan", "\\0", "a\\0b", "\\r\\n", "\\\"q\\\"", "\\\\", "\\255\\254", "/", "\\127\\1",
           "\\195\\164\\226\\130\\172", "%s%d", "[x]", "a,b,c", "key=value; other=1", "\\t tab"]
NUMBERS = ["0", "-0", "1", "-1", "2", "3", "7", "10", "127", "128", "255", "256", "-128", "-129", "32767", "65535", "65536", "2^31", "2^31-1", "-2^31",
           "2^32", "2^32-1", "2^53", "2^53+1", "-2^53", "2^63", "-2^63", "2^64", "1e15", "1e14", "123456789012345", "1e100", "-1e100", "0.5", "-0.5", "3.99",
           "-3.99", "0.1", "1/3", "1e-5", "1e-300", "3.141592653589793", "100000000000000000000", "1/0", "-1/0"]
# NaN only where its sign is not shown.
NAMES = ["a", "b", "ok", "err", "double", "map", "set", "big_number", "verbatim_string", "format", "string", "1", "x y"]


def quoted(rng):
    return '"%s"' % rng.choice(STRINGS)


def number(rng):
    return rng.choice(NUMBERS) if rng.random() < 0.7 else str(rng.randrange(-10**rng.randrange(1, 12), 10**rng.randrange(1, 12)))


def scalar(rng):
    kind = rng.random()
    if kind < 0.4:
        return number(rng)
    if kind < 0.8:
        return quoted(rng)
    return rng.choice(["true", "false", "nil"])


def value(rng, depth=3, several_fields=False):
    """An expression for a value."""
    if depth == 0 or rng.random() < 0.4:
        return scalar(rng)
    kind = rng.random()
    inner = lambda: value(rng, depth - 1, several_fields)
    if kind < 0.4:
        return "{%s}" % ", ".join(inner() for _ in range(rng.randrange(0, 5)))
    if kind < 0.55:
        return '{["%s"]=%s}' % (rng.choice(NAMES), inner())
    if kind < 0.65:
        return "{[%s]=%s}" % (rng.choice(["1", "2", "3", "-1", "1.5", "true", "1e3"]), inner())
    special = {
        "ok": quoted, "err": quoted, "double": number, "big_number": quoted,
        "map": lambda rng: '{["%s"]=%s}' % (rng.choice(NAMES), inner()),
        "set": lambda rng: "{[%s]=%s}" % (rng.choice([quoted, number])(rng).replace("-1/0", "5"), rng.choice(["true", "false", "1"])),
        "verbatim_string": lambda rng: "{format=%s, string=%s}" % (rng.choice(['"txt"', '"mkd"', '"x"', '"long"', "1"]), scalar(rng)),
    }
    # The order of a table's fields is free in Lua: what shows it has one at most.
    name = rng.choice(sorted(special if several_fields else set(special) - {"verbatim_string"}))
    return "{%s=%s}" % (name, special[name](rng) if rng.random() < 0.85 else scalar(rng))


def returned(rng):
    head = rng.choice(["", "", "redis.setresp(3) ", "server.setresp(2) "])
    return head + "return " + value(rng, several_fields=True)


def shown(expression):
    """A script that answers what an expression gives, or the error it raises, in full."""
    return ("local r = {pcall(function() return %s end)} local n = table.maxn(r) for i = 1, n do local v = r[i] "
            "r[i] = type(v) == 'table' and (v.err or cjson.encode(v)) or (type(v) == 'function' or type(v) == 'userdata') and type(v) or tostring(v) end return r") % expression


JSON = ["null", "true", "false", "0", "-0", "1", "-1.5", "1e3", "1E+2", "0.1", "123456789012", "1e400", "\\\"\\\"", "\\\"a\\\"", "\\\"\\\\u0041\\\"", "\\\"\\\\ud83d\\\\ude00\\\"",
        "\\\"\\\\n\\\\t\\\\/\\\"", "[]", "{}", "[1,2]", "[[[]]]", "{\\\"a\\\":1}", "{\\\"a\\\":{\\\"b\\\":[null]}}", "nan", "Infinity", "-inf", "0x10", "01", "+1", ".5", "1.", "\\\"\\\\x\\\"",
        "\\\"\\\\ud800\\\"", "[1,]", "{\\\"a\\\"}", "{a:1}", "[1 2]", "tru", "'a'", "\\\"open", "[", "{", "]", "", " ", "1 2", "\\\"\\0\\\"", "\\\"\\1\\\"", "nul", "[nan]", "-", "1e", "/**/1"]


def json_text(rng, depth=2):
    if depth == 0 or rng.random() < 0.5:
        return rng.choice(JSON)
    parts = [json_text(rng, depth - 1) for _ in range(rng.randrange(0, 4))]
    if rng.random() < 0.5:
        return "[%s]" % ",".join(parts)
    return "{%s}" % ",".join('\\"%s\\":%s' % (rng.choice(NAMES), part) for part in parts[:1])


def cjson(rng):
    kind = rng.random()
    if kind < 0.35:
        return shown("cjson.encode(%s)" % value(rng))
    if kind < 0.75:
        return shown('cjson.encode(cjson.decode("%s"))' % json_text(rng))
    setting, values, usual = rng.choice([
        ("encode_sparse_array", ["true", "true, 2, 3", "false, 1, 1", "true, 0, 0"], "false, 2, 10"),
        ("encode_max_depth", ["1", "2", "3", "0", "-1", "'x'"], "1000"),
        ("decode_max_depth", ["1", "2", "3", "0"], "1000"),
        ("encode_number_precision", ["1", "3", "14", "16", "17", "0"], "14"),
        ("encode_keep_buffer", ["true", "false", "1"], "true"),
        ("encode_invalid_numbers", ["true", "'null'", "false", "'x'"], "false"),
        ("decode_invalid_numbers", ["true", "false"], "true"),
        ("decode_array_with_array_mt", ["true", "false"], "false"),
    ])
    use = "cjson.encode(%s)" % value(rng) if "encode" in setting else 'cjson.encode(cjson.decode("%s"))' % json_text(rng)
    body = "(function() local set = {pcall(cjson.%s, %s)} local r = {pcall(function() return %s end)} cjson.%s(%s) return tostring(set[2]), tostring(set[3]), tostring(r[2]) end)()"
    return shown(body % (setting, rng.choice(values), use, setting, usual))


def bytes_of(rng, most=12):
    heads = [0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC7, 0xCA, 0xCB, 0xCC, 0xCD, 0xCE, 0xCF, 0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xD9, 0xDA, 0xDB, 0xDC, 0xDE, 0x80, 0x81, 0x91, 0x93, 0xA1, 0xA3, 0xE0, 0xFF, 0, 1, 127]
    return "".join("\\%d" % (rng.choice(heads) if rng.random() < 0.5 else rng.randrange(0, 4)) for _ in range(rng.randrange(0, most)))


def packed(rng):
    kind = rng.random()
    if kind < 0.3:
        return shown("cmsgpack.pack(%s)" % ", ".join(value(rng) for _ in range(rng.randrange(0, 3))))
    if kind < 0.5:
        return shown("cmsgpack.unpack(cmsgpack.pack(%s))" % value(rng))
    if kind < 0.75:
        return shown('cmsgpack.unpack("%s")' % bytes_of(rng))
    if kind < 0.9:
        return shown('cmsgpack.unpack_one("%s", %s)' % (bytes_of(rng), rng.choice(["0", "1", "2", "-1", "100", "nil"])))
    return shown('cmsgpack.unpack_limit("%s", %s, %s)' % (bytes_of(rng), rng.choice(["0", "1", "2", "-1", "3"]), rng.choice(["0", "1", "-1"])))


def layout(rng):
    """A format of struct."""
    pieces = ["b", "B", "h", "H", "l", "L", "T", "f", "d", "s", "x", "i", "I", "i1", "i2", "i3", "i4", "i8", "I8", "i16", "i33", "c0", "c1", "c3", "<", ">", "!", "!4", "!2", "!3", " ", "=", "z", "i0"]
    return "".join(rng.choice(pieces) for _ in range(rng.randrange(0, 5)))


def structs(rng):
    kind = rng.random()
    if kind < 0.45:
        return shown('struct.pack("%s"%s)' % (layout(rng), "".join(", " + scalar(rng) for _ in range(rng.randrange(0, 4)))))
    if kind < 0.85:
        return shown('struct.unpack("%s", "%s"%s)' % (layout(rng), bytes_of(rng, 20), rng.choice(["", "", ", 1", ", 2", ", 0", ", 100", ", -1"])))
    return shown('struct.size("%s")' % layout(rng))


def bits(rng):
    name = rng.choice(["band", "bor", "bxor", "bnot", "lshift", "rshift", "arshift", "rol", "ror", "bswap", "tobit", "tohex"])
    count = rng.randrange(0, 4) if rng.random() < 0.2 else {"bnot": 1, "bswap": 1, "tobit": 1}.get(name, 2)
    return shown("bit.%s(%s)" % (name, ", ".join(rng.choice([number, number, scalar])(rng) for _ in range(count))))


FORMATS = ["%d", "%5d", "%-5d|", "%05d", "%+d", "% d", "%x", "%X", "%#x", "%o", "%u", "%c", "%e", "%.3e", "%f", "%.0f", "%10.2f", "%g", "%.17g", "%.14g", "%s", "%10s|", "%-10s|", "%.2s",
           "%q", "%%", "%i", "%a", "%y", "%", "%100d", "%.100f", "%5.5s", "%E", "%G"]
PATTERNS = ["l", "l+", ".", ".-", "%a+", "%d*", "[a-c]", "[^a]", "^h", "o$", "(%a)(%a)", "()", "%b()", "%f[%w]", "(", ")", "%", "[", "%1", "(.)%1", "x*", ""]
REPLACEMENTS = ['"X"', '"%0%0"', '"%1"', '"%2"', '"%"', "{l='L'}", "function(a) return a .. a end", "function() return nil end", "5", "nil", "function() return {} end"]
CALLS = {
    "string": ["string.format(%(format)s, %(scalar)s)", "string.format(%(format)s)", "string.rep(%(string)s, %(small)s)", "string.sub(%(string)s, %(small)s, %(small)s)",
               "string.byte(%(string)s, %(small)s, %(small)s)", "string.char(%(small)s, %(small)s)", "string.reverse(%(string)s)", "string.upper(%(scalar)s)", "string.len(%(scalar)s)",
               "string.find(%(string)s, %(pattern)s)", "string.find(%(string)s, %(string)s, %(small)s, true)", "string.match(%(string)s, %(pattern)s)", "string.gsub(%(string)s, %(pattern)s, %(replacement)s)",
               "string.gsub(%(string)s, %(pattern)s, %(replacement)s, %(small)s)", "tostring(%(scalar)s)", "tonumber(%(scalar)s)", "tonumber(%(string)s, %(small)s)", "#%(string)s", "%(scalar)s .. %(scalar)s",
               "string.dump(%(scalar)s)", "('x'):rep(%(small)s)", "string.nosuch", "string.gmatch(%(string)s, %(pattern)s)()"],
    "table": ["table.concat({%(scalar)s, %(scalar)s}, %(scalar)s)", "table.concat({1, 2, 3}, ',', %(small)s, %(small)s)", "unpack({%(scalar)s, %(scalar)s, %(scalar)s})", "unpack({1, 2}, %(small)s, %(small)s)",
              "table.maxn({%(scalar)s, nil, %(scalar)s})", "table.getn({%(scalar)s, %(scalar)s})", "(function() local t = {3, 1, 2} table.sort(t) return unpack(t) end)()",
              "(function() local t = {%(scalar)s, %(scalar)s, %(scalar)s} table.sort(t) return unpack(t) end)()", "(function() local t = {1, 2} table.insert(t, %(small)s, 9) return unpack(t) end)()",
              "(function() local t = {1, 2, 3} return table.remove(t, %(small)s), #t end)()", "select(%(small)s, 1, 2, 3)", "select('#', %(scalar)s, nil)", "next({})", "rawequal(%(scalar)s, %(scalar)s)",
              "rawget({5}, 1)", "type(%(scalar)s)", "table.foreach({4, 5}, function(k, v) if k == %(small)s then return v end end)", "table.setn({}, 1)", "ipairs(%(scalar)s)", "pairs(%(scalar)s)"],
    "math": ["math.floor(%(number)s)", "math.ceil(%(number)s)", "math.abs(%(number)s)", "math.fmod(%(number)s, 7)", "math.modf(%(finite)s)", "math.max(%(number)s, %(number)s)", "math.min(%(number)s, %(number)s)",
             "math.pow(%(small)s, %(small)s)", "math.frexp(%(finite)s)", "math.ldexp(%(finite)s, %(small)s)", "%(number)s + %(scalar)s", "%(number)s * %(number)s > 5", "%(scalar)s == %(scalar)s", "%(scalar)s < %(scalar)s",
             "%(finite)s %% 5", "-%(scalar)s", "(function() math.randomseed(%(number)s) return math.random(%(small)s), math.random(%(small)s, %(small)s) end)()", "(function() math.randomseed(%(small)s) return math.random(), math.random(10) end)()", "math.pi", "math.huge",
             "math.deg(1)", "math.sqrt(2)", "math.log(10)", "math.log10(1000)", "math.exp(1)", "math.nosuch(1)", "math.floor(%(scalar)s)"],
    "server": ["redis.sha1hex(%(scalar)s)", "redis.sha1hex()", "redis.error_reply(%(scalar)s)", "redis.error_reply(%(string)s)", "redis.status_reply(%(scalar)s)", "server.status_reply()", "redis.setresp(%(small)s)", "redis.setresp()",
               "redis.set_repl(%(small)s)", "redis.set_repl()", "redis.log(%(small)s)", "redis.log(%(scalar)s, 'x')", "redis.log(redis.LOG_DEBUG, %(scalar)s)", "redis.replicate_commands()", "redis.breakpoint()", "redis.debug(%(scalar)s)",
               "redis.acl_check_cmd(%(command)s)", "redis.acl_check_cmd(%(scalar)s)", "redis.acl_check_cmd()", "redis.REDIS_VERSION", "redis.REDIS_VERSION_NUM", "server.VALKEY_VERSION", "server.VALKEY_VERSION_NUM", "server.SERVER_NAME",
               "redis.REPL_ALL", "redis.REPL_SLAVE", "redis.register_function('f', function() end)", "redis.nosuch", "redis.call(%(command)s)", "redis.pcall(%(command)s)", "redis.call(%(scalar)s)", "server.pcall(%(scalar)s, %(scalar)s)",
               "redis.call(%(command)s, %(scalar)s)", "redis.call()", "redis.pcall()", "#KEYS + #ARGV", "redis == server", "type(redis[%(scalar)s])"],
    "sandbox": ["loadstring(%(string)s)", "loadstring('return ' .. %(scalar)s)", "loadstring('return %(small)s')()", "loadstring('\\27Lua')", "load(function() return nil end)", "_G.%(name)s", "rawset(_G, 'x', 1)", "rawset(string, 'x', 1)",
                "setmetatable(_G, {})", "setmetatable(redis, nil)", "setmetatable({}, {__index = function(t, k) return k end}).abc", "setmetatable(%(scalar)s, {})", "getmetatable('').__index == string", "getmetatable(%(scalar)s) == nil",
                "(function() getmetatable('').__index = nil end)()", "(function() string.upper = nil end)()", "(function() redis.call = nil end)()", "(function() KEYS = 1 end)()", "(function() x = 1 end)()",
                "(function() math.pi = 3 end)()", "(function() cjson.null = 1 end)()", "(function() _G.print = 1 end)()", "(function() table.insert(redis, 1) end)()", "(function() for k in pairs(redis) do if k == 'call' then return k end end end)()",
                "type(collectgarbage('count'))", "collectgarbage(%(string)s)", "_VERSION", "debug", "io", "os.time", "os.execute", "os.clock() >= 0", "require", "module", "package", "print", "dofile", "newproxy", "getfenv", "setfenv", "xpcall(error, function(e) return 'h' .. tostring(e) end)",
                "pcall(error, %(scalar)s)", "pcall(pcall)", "pcall(%(scalar)s)", "coroutine.wrap(function() coroutine.yield(%(scalar)s) end)()", "coroutine.resume(coroutine.create(function() error(%(string)s) end))",
                "coroutine.status(coroutine.create(function() end))", "coroutine.running()", "assert(%(scalar)s)", "assert(false, %(scalar)s)", "assert(nil)", "rawlen", "bit32", "utf8", "next(ARGV)", "string.rep('x', 3):upper()", "gcinfo", "unpack(KEYS)"],
}
COMMANDS = [["GET", "k"], ["SET", "k", "v"], ["INCR", "k"], ["LPUSH", "l", "a"], ["LRANGE", "l", "0", "-1"], ["HSET", "h", "f", "v"], ["HGETALL", "h"], ["HMGET", "h", "f", "g"], ["SADD", "s", "m"], ["SMEMBERS", "s"], ["SISMEMBER", "s", "m"],
            ["ZADD", "z", "1.5", "m"], ["ZRANGE", "z", "0", "-1", "WITHSCORES"], ["ZSCORE", "z", "m"], ["ZPOPMIN", "z"], ["TYPE", "k"], ["EXISTS", "k", "l"], ["DEL", "k", "l"], ["PING"], ["ECHO", "x"], ["NOSUCH"], ["GET"], ["SUBSCRIBE", "x"],
            ["EVAL", "return 1", "0"], ["MULTI"], ["AUTH", "x"], ["DEBUG", "OBJECT", "k"], ["CONFIG", "GET", "x"], ["OBJECT", "ENCODING", "k"], ["OBJECT", "NOSUCH", "k"], ["BLPOP", "l", "0"], ["XADD", "x", "1-1", "f", "v"], ["XRANGE", "x", "-", "+"],
            ["SCRIPT", "FLUSH"], ["CLIENT", "ID"], ["SELECT", "1"], ["SELECT", "99"], ["MGET", "k", "l"], ["STRLEN", "k"], ["SETRANGE", "k", "2", "x"], ["INCRBYFLOAT", "k", "1.5"], ["LPOS", "l", "a"], ["RANDOMKEY", "x"], ["GEOADD", "g", "13", "38", "p"],
            ["GEOPOS", "g", "p", "q"], ["PFADD", "p", "a"], ["EXPIRE", "k", "100"], ["PERSIST", "k"], ["COPY", "k", "k2"], ["LMOVE", "l", "l2", "LEFT", "RIGHT"], ["publish", "c", "m"], ["FLUSHALL", "x"], ["HELLO", "3"]]


def command_words(rng):
    words = list(rng.choice(COMMANDS))
    if rng.random() < 0.15:
        words.append(rng.choice(["x", "1", ""]))
    return ", ".join('"%s"' % word for word in words)


def call(rng, library):
    fill = {
        "format": '"%s"' % rng.choice(FORMATS), "pattern": '"%s"' % rng.choice(PATTERNS), "replacement": rng.choice(REPLACEMENTS), "command": command_words(rng), "name": rng.choice(NAMES[:6]),
        "string": quoted(rng), "number": number(rng), "finite": rng.choice(["5", "-7", "0.75", "1e10", "12345.678"]),
    }
    template = rng.choice(CALLS[library])
    class Draw(dict):
        def __missing__(self, key):
            return scalar(rng) if key == "scalar" else rng.choice(["0", "1", "2", "3", "-1", "-2", "10", "1.7", "36"])
    return shown(template % Draw(fill))


FAILURES = ["error(%s)", "error(%s, 0)", "error(%s, 2)", "local function f() error(%s) end f()", "local t = nil t.x = %s", "local t = nil return t[%s]", "return %s + {}", "return %s .. {}", "return #nil, %s", "local f = %s f()", "return nosuch, %s",
            "nosuch = %s", "return redis.call('LPUSH', 'k', %s)", "redis.call('SET', 'k', %s) return redis.call('LPUSH', 'k', 1)", "return redis.call('GET', {}, %s)", "return {err = %s}", "return redis.error_reply(%s)", "error({err = %s})", "error({err = %s, x = 1})",
            "error(redis.error_reply(%s))", "return {1, {err = %s}, 3}", "local ok, e = pcall(error, %s) return tostring(ok)", "for i = %s, 3 do if i < -9 then break end end return 'done'", "return (%s)()", "coroutine.wrap(function() error(%s) end)()", "pcall(redis.call, 'NOSUCH') return %s",
            "return select(2, pcall(redis.call, 'LPUSH', 'k', %s))", "local e = redis.pcall('LPUSH', 'k', %s) return e", "local e = redis.pcall('NOSUCH', %s) return {e, e.err}", "return %s", "return %s +", "x y %s", "return '%s", "error(setmetatable({}, {__tostring = function() return %s end}))",
            "table.sort({3, 2, 1}, function() error(%s) end)", "string.gsub('a', 'a', function() error(%s) end)", "return xpcall(function() error(%s) end, function(e) return 'handled' end)", "if %s then\nlocal x = nil\nreturn x.y\nend", "\n\nerror(%s)", "error()", "redis.setresp(3) return {err = %s}"]
HEADS = ["#!lua\n", "#!lua flags=no-writes\n", "#!lua flags=allow-oom,no-writes\n", "#!lua flags=no-cluster\n", "#!lua flags=\n", "#!lua flags=x\n", "#!lua name=x\n", "#!lua flags=no-writes flags=allow-stale\n", "#!LUA\n", "#! lua\n", "#!lua", "#!\n", "#!lua x\n", "#!js\n", "#!lua 'open\n",
         "#!lua flags=allow-cross-slot-keys\n", "#!lua FLAGS=no-writes\n", "#!lua  flags=no-writes  \n", "#!lua flags=no-writes,\n"]


def failing(rng):
    template = rng.choice(FAILURES)
    script = template % scalar(rng) if "%s" in template else template
    return rng.choice(HEADS) + script if rng.random() < 0.25 else script


MAKERS = [(returned, 5), (cjson, 5), (packed, 4), (structs, 4), (bits, 2), (failing, 5), *((lambda rng, name=name: call(rng, name), weight) for name, weight in (("string", 5), ("table", 3), ("math", 3), ("server", 5), ("sandbox", 4)))]
RUNS = [b"EVAL", b"EVAL", b"EVAL", b"EVAL_RO"]


def script(rng):
    """One generated script."""
    makers, weights = zip(*MAKERS)
    return rng.choices(makers, weights)[0](rng).encode("latin-1")


def units(seed, count):
    """Some commands that run generated scripts, each a unit of its own."""
    rng = random.Random(f"lua {seed}")
    made = []
    for _ in range(count):
        made.append([[rng.choice(RUNS), script(rng), b"1", b"key", b"argument"]])
    return made
