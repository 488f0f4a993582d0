//! Scripts run against a host that answers from a table; expected replies are the peer's.

use super::*;
use crate::protocol::reply::{Reply, Resp};

/// A host whose commands are a few fixed ones.
#[derive(Default)]
struct Fixed {
    calls: Vec<Vec<Vec<u8>>>,
    logged: Vec<String>,
    stop_at_call: Option<(usize, Stop)>,
    stop_at_interrupt: Option<Stop>,
}

impl Host for Fixed {
    fn call(&mut self, argv: &[&[u8]], reply: &mut Reply) -> Result<(), Stop> {
        self.calls.push(argv.iter().map(|word| word.to_vec()).collect());
        if let Some((at, stop)) = self.stop_at_call
            && self.calls.len() >= at
        {
            return Err(stop);
        }
        match argv[0] {
            b"echo" => reply.bulk(argv[1]),
            b"raw" => reply.raw(argv[1]),
            b"resp" => reply.int(if reply.resp() == Resp::V3 { 3 } else { 2 }),
            _ => reply.error("ERR Unknown command called from script"),
        }
        Ok(())
    }

    fn interrupted(&mut self) -> Option<Stop> {
        self.stop_at_interrupt
    }

    fn log(&mut self, level: LogLevel, text: &[u8]) {
        self.logged.push(format!("{level:?} {}", String::from_utf8_lossy(text)));
    }

    fn acl_check(&mut self, argv: &[&[u8]]) -> AclCheck {
        match argv[0] {
            b"get" => AclCheck::Allowed,
            b"set" => AclCheck::Denied,
            _ => AclCheck::UnknownCommand,
        }
    }

    fn set_replication(&mut self, targets: u8) {
        self.logged.push(format!("replication {targets}"));
    }
}

fn engine() -> Engine {
    Engine::new(1 << 28)
}

/// Runs `body` and answers its reply as text.
fn eval_with(engine: &mut Engine, host: &mut Fixed, resp: Resp, body: &str) -> Result<String, Stop> {
    let mut reply = Reply::new(Vec::new(), resp);
    match engine.load_evictable(body.as_bytes()) {
        Ok(sha) => engine.run(&sha, &["k1", "k2"], &["a1"], host, &mut reply)?,
        Err(error) => reply.error(&error.to_string()),
    }
    Ok(String::from_utf8_lossy(reply.bytes()).into_owned())
}

fn eval(body: &str) -> String {
    eval_with(&mut engine(), &mut Fixed::default(), Resp::V2, body).expect("nobody stops the script")
}

#[test]
fn values_become_replies() {
    assert_eq!(eval("return redis.status_reply('a\\0b')"), "+a\r\n");
    assert_eq!(eval("return redis.error_reply('a\\0b')"), "-ERR a\r\n");
    for (body, expected) in [
        ("return 1", ":1\r\n"),
        ("return 'x'", "$1\r\nx\r\n"),
        (
            "return {1,2.7,-2.7,'a',true,false,function() end}",
            "*7\r\n:1\r\n:2\r\n:-2\r\n$1\r\na\r\n:1\r\n$-1\r\n$-1\r\n",
        ),
        ("return {1,2,nil,4}", "*2\r\n:1\r\n:2\r\n"),
        ("return", "$-1\r\n"),
        ("return 1e100", ":-9223372036854775808\r\n"),
        ("return {err='boom'}", "-boom\r\n"),
        ("return {err=5}", "*0\r\n"),
        ("return {ok='fine'}", "+fine\r\n"),
        ("return {double=5}", "$1\r\n5\r\n"),
        ("return {map={a=1}}", "*2\r\n$1\r\na\r\n:1\r\n"),
        ("return {big_number='123'}", "$3\r\n123\r\n"),
        ("return {verbatim_string={format='txt',string='aa'}}", "$2\r\naa\r\n"),
        (
            "return {KEYS[1], KEYS[2], ARGV[1], #KEYS, #ARGV}",
            "*5\r\n$2\r\nk1\r\n$2\r\nk2\r\n$2\r\na1\r\n:2\r\n:1\r\n",
        ),
    ] {
        assert_eq!(eval(body), expected, "{body}");
    }
}

#[test]
fn errors_have_the_peers_texts() {
    for (body, expected) in [
        (
            "return 'x'..nil",
            "ERR user_script:1: attempt to concatenate a nil value script: on @user_script:1.",
        ),
        (
            "x=1",
            "ERR user_script:1: Attempt to modify a readonly table script: on @user_script:1.",
        ),
        (
            "return x",
            "ERR user_script:1: Script attempted to access nonexistent global variable 'x' script: on @user_script:1.",
        ),
        (
            "redis.call()",
            "ERR Please specify at least one argument for this call script: on @user_script:1.",
        ),
        (
            "redis.call({})",
            "ERR Command arguments must be strings or integers script: on @user_script:1.",
        ),
        (
            "return redis.call('nosuch')",
            "ERR Unknown command called from script script: on @user_script:1.",
        ),
        ("return redis.pcall('nosuch')", "ERR Unknown command called from script"),
        (
            "return redis.pcall()",
            "ERR Please specify at least one argument for this call",
        ),
        ("error('boom')", "ERR user_script:1: boom script: on @user_script:1."),
        ("error({err='MY boom'})", "MY boom script: on @user_script:1."),
        ("error({})", "ERR unknown error script: on @user_script:1."),
        ("error(nil)", "ERR nil script: on @user_script:1."),
        ("return redis.error_reply('boom')", "ERR boom"),
        ("return redis.error_reply('-boom x')", "boom x"),
        ("return redis.error_reply('a b')", "a b"),
        ("return redis.error_reply('')", "ERR "),
        ("return redis.status_reply(1)", "ERR wrong number or type of arguments"),
        (
            "retur",
            "ERR Error compiling script (new function): user_script:1: '=' expected near '<eof>'",
        ),
        (
            "local function f() return 1+f() end f()",
            "ERR user_script:1: stack overflow script: on @user_script:1.",
        ),
        (
            "rawset(redis,'a',1)",
            "ERR Attempt to modify a readonly table script: on @user_script:1.",
        ),
        (
            "setmetatable(_G,{})",
            "ERR Attempt to modify a readonly table script: on @user_script:1.",
        ),
        (
            "getmetatable(_G).__index=nil",
            "ERR user_script:1: Attempt to modify a readonly table script: on @user_script:1.",
        ),
        (
            "local a=function() error('x', 2) end\n\na()",
            "ERR user_script:3: x script: on @user_script:1.",
        ),
        (
            "#!lua\nreturn 1+nil",
            "ERR user_script:2: attempt to perform arithmetic on a nil value script: on @user_script:2.",
        ),
        (
            "return redis.log(9,'a')",
            "ERR Invalid log level. script: on @user_script:1.",
        ),
        (
            "return redis.setresp(4)",
            "ERR RESP version must be 2 or 3. script: on @user_script:1.",
        ),
    ] {
        assert_eq!(eval(body), format!("-{expected}\r\n"), "{body}");
    }
}

#[test]
fn shebangs_are_refused_as_by_the_peer() {
    for (body, expected) in [
        (
            "#!lua flags=no-writes,foo\nreturn 1",
            "ERR Unexpected flag in script shebang: foo",
        ),
        ("#!lua foo\nreturn 1", "ERR Unknown lua shebang option: foo"),
        ("#!python\nreturn 1", "ERR Could not find scripting engine 'python'"),
        ("#!\nreturn 1", "ERR Could not find scripting engine ''"),
        ("#! lua\nreturn 1", "ERR Unknown lua shebang option: lua"),
        ("#!luaif -1\nreturn 1", "ERR Unknown lua shebang option: -1"),
        (
            "#!python flags=bad\nreturn 1",
            "ERR Unexpected flag in script shebang: bad",
        ),
        ("#!lua\0x y\nreturn 1", "ERR Invalid script shebang"),
        ("#!lua", "ERR Invalid script shebang"),
    ] {
        assert_eq!(eval(body), format!("-{expected}\r\n"), "{body}");
    }
}

#[test]
fn pcall_answers_the_text_of_error_tables() {
    let body =
        "local a,b=pcall(redis.call,'nosuch') local c,d=pcall(error,{a=1}) local e,f=pcall() return {b,type(d),f}";
    assert_eq!(
        eval(body),
        "*3\r\n$38\r\nERR Unknown command called from script\r\n$5\r\ntable\r\n$30\r\nattempt to call a boolean value\r\n".replace("$30", "$31")
    );
}

#[test]
fn nothing_catches_a_stop() {
    let caught = "while true do pcall(redis.call,'echo','a') end";
    let coroutines = "local co=coroutine.create(function() while true do redis.call('echo','a') end end) while true do coroutine.resume(co) end";
    let wrapped = "while true do pcall(coroutine.wrap(function() xpcall(function() redis.call('echo','a') end, function(e) while true do end end) while true do end end)) end";
    let tail = "return pcall(redis.call,'echo','a')";
    for stop in [Stop::Restart, Stop::Killed] {
        for body in [caught, coroutines, wrapped, tail] {
            let mut engine = engine();
            let mut host = Fixed {
                stop_at_call: Some((1, stop)),
                ..Fixed::default()
            };
            let random = "return tostring(math.random())";
            let first = eval_with(
                &mut engine,
                &mut Fixed::default(),
                Resp::V2,
                &format!("math.randomseed(1) {random}"),
            );
            assert_eq!(eval_with(&mut engine, &mut host, Resp::V2, body), Err(stop), "{body}");
            assert_eq!(host.calls.len(), 1, "{body}");
            // The engine goes on as if nothing had happened.
            let fine = eval_with(
                &mut engine,
                &mut Fixed::default(),
                Resp::V2,
                "return {redis.call('echo','a'), coroutine.wrap(function() return 5 end)()}",
            );
            assert_eq!(fine.as_deref(), Ok("*2\r\n$1\r\na\r\n:5\r\n"));
            assert_eq!(
                eval_with(
                    &mut engine,
                    &mut Fixed::default(),
                    Resp::V2,
                    &format!("math.randomseed(1) {random}")
                ),
                first
            );
        }
    }
}

#[test]
fn no_handler_sees_a_stop() {
    // A handler that is no Lua code would run to its end.
    let body = "xpcall(function() redis.call('echo','a') end, redis.set_repl)";
    let mut host = Fixed {
        stop_at_call: Some((1, Stop::Killed)),
        ..Fixed::default()
    };
    assert_eq!(eval_with(&mut engine(), &mut host, Resp::V2, body), Err(Stop::Killed));
    assert_eq!(host.logged, Vec::<String>::new());
}

#[test]
fn a_loop_is_interrupted() {
    for body in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
    ] {
        let mut engine = engine();
        let mut host = Fixed {
            stop_at_interrupt: Some(Stop::Killed),
            ..Fixed::default()
        };
        assert_eq!(eval_with(&mut engine, &mut host, Resp::V2, body), Err(Stop::Killed));
    }
}

#[test]
fn a_restart_takes_back_the_random_numbers() {
    let mut engine = engine();
    let body = "local r=tostring(math.random()) redis.call('echo',r) return r";
    let mut host = Fixed {
        stop_at_call: Some((1, Stop::Restart)),
        ..Fixed::default()
    };
    assert_eq!(eval_with(&mut engine, &mut host, Resp::V2, body), Err(Stop::Restart));
    host.stop_at_call = None;
    eval_with(&mut engine, &mut host, Resp::V2, body).expect("nobody stops the script");
    assert_eq!(host.calls[0], host.calls[1]);
}

#[test]
fn memory_is_limited_and_given_back() {
    let mut engine = Engine::new(1 << 24);
    let body = "local t={} for i=1,1e9 do t[i]=tostring(i) end";
    let reply = eval_with(&mut engine, &mut Fixed::default(), Resp::V2, body).expect("nobody stops the script");
    assert!(reply.contains("not enough memory"), "{reply}");
    engine.flush();
    assert_eq!(engine.interpreter_bytes(), 0);
}

#[test]
fn libraries_register_functions() {
    let mut engine = engine();
    let code = b"#!lua name=lib\nlocal n=0 redis.register_function('f', function(keys,args) n=n+1 return {n,#keys,args[1]} end)\nredis.register_function{function_name='g', callback=function() return x end, flags={'no-writes'}, description='d'}";
    assert_eq!(engine.load_library(code, false), Ok(b"lib".to_vec()));
    let mut reply = Reply::default();
    for _ in 0..2 {
        engine
            .call_function(b"f", &["k"], &["a"], &mut Fixed::default(), &mut reply)
            .expect("nobody stops it");
    }
    engine
        .call_function(b"g", &["k"], &["a"], &mut Fixed::default(), &mut reply)
        .expect("nobody stops it");
    let expected = "*3\r\n:1\r\n:1\r\n$1\r\na\r\n*3\r\n:2\r\n:1\r\n$1\r\na\r\n-ERR user_function:3: Script attempted to access nonexistent global variable 'x' script: on @user_function:3.\r\n";
    assert_eq!(String::from_utf8_lossy(reply.bytes()), expected);
    let facts = engine.function(b"g").expect("g is registered").1;
    assert_eq!(
        (facts.description.as_deref(), facts.flags),
        (Some(&b"d"[..]), Flags::NO_WRITES)
    );
    assert_eq!(
        engine.load_library(code, false).map_err(|error| error.to_string()),
        Err("ERR Library 'lib' already exists".into())
    );
}

#[test]
fn the_script_unused_for_longest_is_evicted() {
    let mut engine = engine();
    let body = |number: usize| format!("return {number}");
    let kept = engine.load(body(0).as_bytes()).expect("it compiles");
    for number in 1..=engine::EVICTABLE_SCRIPTS_MAX {
        engine.load_evictable(body(number).as_bytes()).expect("it compiles");
    }
    eval_with(&mut engine, &mut Fixed::default(), Resp::V2, &body(1)).expect("nobody stops the script");
    engine.load_evictable(b"return 'one more'").expect("it compiles");
    let exists = |number: usize| engine.exists(&Sha::of(body(number).as_bytes()));
    assert!(engine.exists(&kept) && exists(1) && !exists(2) && exists(3));
    assert_eq!(engine.script_counts().2, 1);
}

/// Replies of the libraries: the script, and what the peer answers.
const LIBRARIES: [(&str, &str); 37] = [
    (
        "return cjson.encode({1,2,{a=1/3,[5]='x'}})",
        "$36\r\n[1,2,{\"a\":0.33333333333333,\"5\":\"x\"}]\r\n",
    ),
    (
        "return cjson.encode('/\\1\\127\"')",
        "$18\r\n\"\\/\\u0001\\u007f\\\"\"\r\n",
    ),
    ("return cjson.encode({[1e300]=1})", "$12\r\n{\"1e+300\":1}\r\n"),
    (
        "return cjson.encode({[20]=1})",
        "-ERR user_script:1: Cannot serialise table: excessively sparse array script: on @user_script:1.\r\n",
    ),
    (
        "return cjson.encode(1/0)",
        "-ERR user_script:1: Cannot serialise number: must not be NaN or Inf script: on @user_script:1.\r\n",
    ),
    (
        "local t={} t[1]=t return cjson.encode(t)",
        "-ERR user_script:1: Cannot serialise, excessive nesting (1001) script: on @user_script:1.\r\n",
    ),
    (
        "return cjson.encode(cjson.decode('[1,null,{\"a\":\"\\\\u20ac\"}]'))",
        "$20\r\n[1,null,{\"a\":\"€\"}]\r\n",
    ),
    (
        "return cjson.decode('[1,]')",
        "-ERR user_script:1: Expected value but found T_ARR_END at character 4 script: on @user_script:1.\r\n",
    ),
    (
        "return cjson.decode('{\"a\" 1}')",
        "-ERR user_script:1: Expected colon but found T_NUMBER at character 6 script: on @user_script:1.\r\n",
    ),
    (
        "return cjson.decode('\"\\\\x\"')",
        "-ERR user_script:1: Expected value but found invalid escape code at character 2 script: on @user_script:1.\r\n",
    ),
    ("return tostring(cjson.decode('0x1p4'))", "$2\r\n16\r\n"),
    (
        "local c=cjson.new() c.decode_max_depth(2) return c.decode('[[[]]]')",
        "-ERR user_script:1: Found too many nested data structures (3) at character 3 script: on @user_script:1.\r\n",
    ),
    (
        "return cjson.encode_number_precision(15)",
        "-ERR user_script:1: bad argument #1 to 'encode_number_precision' (expected integer between 1 and 14) script: on @user_script:1.\r\n",
    ),
    (
        "return {cmsgpack.unpack(cmsgpack.pack(1,-1,'a',{1,{2}},nil,300))}",
        "*4\r\n:1\r\n:-1\r\n$1\r\na\r\n*2\r\n:1\r\n*1\r\n:2\r\n",
    ),
    ("return {cmsgpack.unpack_one('abc',1)}", "*2\r\n:2\r\n:98\r\n"),
    (
        "return {cmsgpack.unpack_limit('abc',2^53)}",
        "*4\r\n:-1\r\n:97\r\n:98\r\n:99\r\n",
    ),
    (
        "return cmsgpack.unpack_one('abc',1/0)",
        "-ERR user_script:1: Invalid request to unpack with offset of 0 and limit of 3. script: on @user_script:1.\r\n",
    ),
    (
        "return struct.unpack('dc0', struct.pack('d',0/0)..'abc')",
        "-ERR user_script:1: bad argument #2 to 'unpack' (data string too short) script: on @user_script:1.\r\n",
    ),
    (
        "math.randomseed(1/0) return {math.random(36), math.random(0,10)}",
        "*2\r\n:7\r\n:8\r\n",
    ),
    (
        "return unpack({1,2,3}, 2^31, 3)",
        "-ERR user_script:1: too many results to unpack script: on @user_script:1.\r\n",
    ),
    (
        "return unpack({1,2,3}, -2^31, 2^31-1)",
        "-ERR user_script:1: too many results to unpack script: on @user_script:1.\r\n",
    ),
    ("return {unpack({1,2,3}, 2)}", "*2\r\n:2\r\n:3\r\n"),
    ("return {cmsgpack.unpack_limit('abc',2)}", "*3\r\n:2\r\n:97\r\n:98\r\n"),
    (
        "return cmsgpack.unpack('\\193')",
        "-ERR user_script:1: Bad data format in input. script: on @user_script:1.\r\n",
    ),
    (
        "return cmsgpack.unpack('\\162a')",
        "-ERR user_script:1: Missing bytes in input. script: on @user_script:1.\r\n",
    ),
    (
        "return cmsgpack.unpack('\\129\\192\\001')",
        "-ERR table index is nil script: on @user_script:1.\r\n",
    ),
    (
        "return cmsgpack.pack()",
        "-ERR user_script:1: bad argument #0 to 'pack' (MessagePack pack needs input.) script: on @user_script:1.\r\n",
    ),
    ("return struct.size('!4bi')", ":8\r\n"),
    (
        "return {struct.unpack('>hsBc0', struct.pack('>hsBc0', -2, 'ab', 2, 'xy'))}",
        "*4\r\n:-2\r\n$2\r\nab\r\n$2\r\nxy\r\n:9\r\n",
    ),
    (
        "return struct.pack('z')",
        "-ERR user_script:1: bad argument #1 to 'pack' (invalid format option 'z') script: on @user_script:1.\r\n",
    ),
    (
        "return struct.unpack('i','abc')",
        "-ERR user_script:1: bad argument #2 to 'unpack' (data string too short) script: on @user_script:1.\r\n",
    ),
    (
        "return struct.size('i33')",
        "-ERR user_script:1: integral size 33 is larger than limit of 32 script: on @user_script:1.\r\n",
    ),
    (
        "return {bit.band(-1,255),bit.bxor(5,6,7),bit.arshift(-8,1),bit.rol(0x80000000,1),bit.tobit(2^32+5)}",
        "*5\r\n:255\r\n:4\r\n:-4\r\n:1\r\n:5\r\n",
    ),
    ("return bit.tohex(0xabcdef,-4)", "$4\r\nCDEF\r\n"),
    (
        "return bit.bnot()",
        "-ERR user_script:1: bad argument #1 to 'bnot' (number expected, got no value) script: on @user_script:1.\r\n",
    ),
    ("return bit.bswap(0x01020304)", ":67305985\r\n"),
    (
        "cjson.x=1",
        "-ERR user_script:1: Attempt to modify a readonly table script: on @user_script:1.\r\n",
    ),
];

#[test]
fn libraries_answer_as_the_peers() {
    for (body, expected) in LIBRARIES {
        assert_eq!(eval(body), expected, "{body}");
    }
}

proptest::proptest! {
    /// Any bytes are answered or refused, and packed values come back.
    #[test]
    fn decoders_take_any_bytes(input in proptest::collection::vec(proptest::num::u8::ANY, 0..64), format in "[bBhHlLTfdsxci0-9<>! ]{0,12}") {
        let mut engine = engine();
        let body = b"pcall(cmsgpack.unpack,ARGV[1]) pcall(cjson.decode,ARGV[1]) pcall(struct.unpack,ARGV[2],ARGV[1])
            return cmsgpack.unpack(cmsgpack.pack(ARGV[1]))==ARGV[1] and cjson.decode(cjson.encode('x'..ARGV[1]))=='x'..ARGV[1]";
        let sha = engine.load(body).expect("it compiles");
        let mut reply = Reply::default();
        let stop = engine.run::<&[u8], _>(&sha, &[], &[&input[..], format.as_bytes()], &mut Fixed::default(), &mut reply);
        proptest::prop_assert_eq!(stop, Ok(()));
        proptest::prop_assert_eq!(reply.bytes(), b":1\r\n");
    }
}

/// What scripts find when they look at read-only tables or try to change them: the script, and what the peer answers.
const READ_ONLY: [(&str, &str); 34] = [
    (
        "return {type(getmetatable(_G)),type(getmetatable(redis)),type(getmetatable(string)),type(getmetatable(''))}",
        "*4\r\n$5\r\ntable\r\n$3\r\nnil\r\n$3\r\nnil\r\n$5\r\ntable\r\n",
    ),
    ("return getmetatable('').__index==string", ":1\r\n"),
    ("return getmetatable(getmetatable(_G))==nil", ":1\r\n"),
    (
        "local n={} for k,v in pairs(getmetatable(_G)) do n[#n+1]=k..type(v) end return n",
        "*1\r\n$15\r\n__indexfunction\r\n",
    ),
    (
        "local n={} for k in pairs(_G) do n[#n+1]=k end table.sort(n) return table.concat(n,' ')",
        "$304\r\nARGV KEYS _G _VERSION __redis__err__handler __server__err__handler assert bit cjson cmsgpack collectgarbage coroutine error gcinfo getmetatable ipairs load loadstring math next os pairs pcall rawequal rawget rawset redis select server setmetatable string struct table tonumber tostring type unpack xpcall\r\n",
    ),
    ("local n=0 for k in pairs(redis) do n=n+1 end return n", ":26\r\n"),
    ("local n=0 for k in next,redis do n=n+1 end return n", ":26\r\n"),
    ("local n=0 table.foreach(math,function() n=n+1 end) return n", ":31\r\n"),
    (
        "local n={} for k in pairs(os) do n[#n+1]=k end return n",
        "*1\r\n$5\r\nclock\r\n",
    ),
    (
        "return {tostring(rawget(redis,'x')),type(rawget(redis,'call')),rawget(_G,'_G')==_G,tostring(rawget(_G,'x'))}",
        "*4\r\n$3\r\nnil\r\n$8\r\nfunction\r\n:1\r\n$3\r\nnil\r\n",
    ),
    (
        "return {#redis,table.getn(redis),table.maxn(redis),#{unpack(redis)},table.concat(redis)}",
        "*5\r\n:0\r\n:0\r\n:0\r\n:0\r\n$0\r\n\r\n",
    ),
    ("table.remove(redis) table.sort(redis) return redis", "*0\r\n"),
    (
        "rawset(redis,'a')",
        "-ERR user_script:1: bad argument #3 to 'rawset' (value expected) script: on @user_script:1.\r\n",
    ),
    (
        "setmetatable(_G,1)",
        "-ERR user_script:1: bad argument #2 to 'setmetatable' (nil or table expected) script: on @user_script:1.\r\n",
    ),
    (
        "table.insert(redis)",
        "-ERR user_script:1: wrong number of arguments to 'insert' script: on @user_script:1.\r\n",
    ),
    (
        "table.insert(redis,1,2)",
        "-ERR Attempt to modify a readonly table script: on @user_script:1.\r\n",
    ),
    (
        "rawset(getmetatable(''),'__index',1)",
        "-ERR Attempt to modify a readonly table script: on @user_script:1.\r\n",
    ),
    (
        "getmetatable('').x=nil",
        "-ERR user_script:1: Attempt to modify a readonly table script: on @user_script:1.\r\n",
    ),
    (
        "string.rep=nil",
        "-ERR user_script:1: Attempt to modify a readonly table script: on @user_script:1.\r\n",
    ),
    (
        "KEYS=1",
        "-ERR user_script:1: Attempt to modify a readonly table script: on @user_script:1.\r\n",
    ),
    ("KEYS[1]=5 return KEYS[1]", ":5\r\n"),
    (
        "setmetatable({},{__newindex=redis}).x=1",
        "-ERR user_script:1: Attempt to modify a readonly table script: on @user_script:1.\r\n",
    ),
    (
        "return type(setmetatable({},{__index=redis}).call)",
        "$8\r\nfunction\r\n",
    ),
    (
        "return setmetatable({},getmetatable(_G)).x",
        "-ERR user_script:1: Script attempted to access nonexistent global variable 'x' script: on @user_script:1.\r\n",
    ),
    (
        "local t=setmetatable({},getmetatable('')) return {type(t.rep),getmetatable(t)==getmetatable('')}",
        "*2\r\n$8\r\nfunction\r\n:1\r\n",
    ),
    (
        "return {getmetatable(setmetatable({},{__metatable='p'})),rawset({},1,redis)[1]==redis}",
        "*2\r\n$1\r\np\r\n:1\r\n",
    ),
    (
        "return {pcall(next,redis,'nosuch')}",
        "*2\r\n$-1\r\n$21\r\ninvalid key to 'next'\r\n",
    ),
    (
        "return pairs()",
        "-ERR user_script:1: bad argument #1 to 'pairs' (table expected, got no value) script: on @user_script:1.\r\n",
    ),
    ("return {map=os}", "*2\r\n$5\r\nclock\r\n$-1\r\n"),
    (
        "return cjson.encode({redis})",
        "-ERR user_script:1: Cannot serialise function: type not supported script: on @user_script:1.\r\n",
    ),
    ("return #cmsgpack.pack(os)", ":8\r\n"),
    (
        "return {xpcall(function() error('x') end, function(e) return e..'h' end)}",
        "*2\r\n$-1\r\n$17\r\nuser_script:1: xh\r\n",
    ),
    (
        "return {xpcall(function() error('x') end, function(e) error('y') end)}",
        "*2\r\n$-1\r\n$23\r\nerror in error handling\r\n",
    ),
    (
        "return xpcall(error)",
        "-ERR user_script:1: bad argument #2 to 'xpcall' (value expected) script: on @user_script:1.\r\n",
    ),
];

#[test]
fn read_only_tables_look_as_the_peers() {
    let mut engine = engine();
    for (body, expected) in READ_ONLY {
        let reply = eval_with(&mut engine, &mut Fixed::default(), Resp::V2, body);
        assert_eq!(reply.as_deref(), Ok(expected), "{body}");
    }
    // Whatever was tried, the next script sees all as it was.
    let body = "return {type(redis.call),('x'):rep(2),#KEYS,tostring(rawget(_G,'x')),tostring(rawget(redis,'a')),rawget(redis,1)}";
    assert_eq!(
        eval_with(&mut engine, &mut Fixed::default(), Resp::V2, body).as_deref(),
        Ok("*5\r\n$8\r\nfunction\r\n$2\r\nxx\r\n:2\r\n$3\r\nnil\r\n$3\r\nnil\r\n")
    );
}

/// Code from text: the script, and what the peer answers.
const LOADED: [(&str, &str); 10] = [
    (
        "return select(2,loadstring('\\27Lua'))",
        "$52\r\n[string \"\u{1b}Lua\"]:1: unexpected symbol near 'char(27)'\r\n",
    ),
    (
        "return select(2,loadstring(string.dump(function() return 1 end),'=n'))",
        "$38\r\nn:1: unexpected symbol near 'char(27)'\r\n",
    ),
    (
        "local d=0 return select(2,load(function() d=d+1 return ({'\\27','ret','urn 1'})[d] end,'@x'))",
        "$38\r\nx:1: unexpected symbol near 'char(27)'\r\n",
    ),
    (
        "local d=0 return load(function() d=d+1 return ({'ret','urn 1',''})[d] end)()",
        ":1\r\n",
    ),
    (
        "local d=0 return select(2,load(function() d=d+1 if d<3 then return d end end))",
        "$37\r\n(load):1: unexpected symbol near '12'\r\n",
    ),
    (
        "return type(select(2,load(function() return {} end)))",
        "$5\r\ntable\r\n",
    ),
    (
        "return load('return 1')",
        "-ERR user_script:1: bad argument #1 to 'load' (function expected, got string) script: on @user_script:1.\r\n",
    ),
    (
        "return loadstring()",
        "-ERR user_script:1: bad argument #1 to 'loadstring' (string expected, got no value) script: on @user_script:1.\r\n",
    ),
    ("return loadstring('return '..5)()", ":5\r\n"),
    (
        "\u{1b}Lua",
        "-ERR Error compiling script (new function): user_script:1: unexpected symbol near 'char(27)'\r\n",
    ),
];

#[test]
fn only_text_is_loaded() {
    for (body, expected) in LOADED {
        assert_eq!(eval(body), expected, "{body}");
    }
}

#[test]
fn functions_see_read_only_tables_too() {
    let mut engine = engine();
    let code = b"#!lua name=lib\nredis.register_function('f', function(keys,args) local n={} for k in pairs(_G) do n[#n+1]=k end return #n end)\nredis.register_function('g', function() x=1 end)";
    assert_eq!(engine.load_library(code, false), Ok(b"lib".to_vec()));
    let mut reply = Reply::default();
    for name in [&b"f"[..], b"g"] {
        engine
            .call_function::<&str, &str>(name, &[], &[], &mut Fixed::default(), &mut reply)
            .expect("nobody stops it");
    }
    let expected = ":34\r\n-ERR user_function:3: Attempt to modify a readonly table script: on @user_function:3.\r\n";
    assert_eq!(String::from_utf8_lossy(reply.bytes()), expected);
}
