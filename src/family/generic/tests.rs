//! The generic commands against replies and events of Valkey 9.1.2, and what only several shards show.

use crate::family::testing::{Bench, check_script};

#[test]
fn keys_are_counted_and_deleted() {
    check_script(
        "
        set a 1           => +OK| ! set a
        rpush l a         => :1| ! rpush l
        type a            => +string|
        type l            => +list|
        type none         => +none|
        exists a a none l => :3|
        touch a a none l  => :3|
        del a a none l    => :2| ! del a, del l
        set a 1           => +OK| ! set a
        unlink a a none   => :1| ! del a
        unlink none       => :0|
        del               => -ERR wrong number of arguments for 'del' command|
        ",
    );
}

#[test]
fn expiries_heed_their_conditions() {
    check_script(
        "
        set a 1            => +OK| ! set a
        expire a 10 nx     => :1| ! expire a
        expire a 20 nx     => :0|
        expire a 20 xx     => :1| ! expire a
        expire a 10 gt     => :0|
        expire a 20 gt     => :0|
        expire a 30 gt     => :1| ! expire a
        expire a 40 lt     => :0|
        expire a 10 lt     => :1| ! expire a
        ttl a              => :10|
        persist a          => :1| ! persist a
        persist a          => :0|
        persist none       => :0|
        expire a 10 gt     => :0|
        expire a 10 xx     => :0|
        expire a 10 xx gt  => :0|
        expire a 10 xx lt  => :0|
        expire a 10 lt     => :1| ! expire a
        expire a 20 xx gt  => :1| ! expire a
        expire a 10 xx lt  => :1| ! expire a
        expire a 10 nx nx  => :0|
        expire a 10 gt gt  => :0|
        expire a 10 nx xx  => -ERR NX and XX, GT or LT options at the same time are not compatible|
        expire a 10 nx gt  => -ERR NX and XX, GT or LT options at the same time are not compatible|
        expire a 10 nx lt  => -ERR NX and XX, GT or LT options at the same time are not compatible|
        expire a 10 xx nx  => -ERR NX and XX, GT or LT options at the same time are not compatible|
        expire a 10 gt lt  => -ERR GT and LT options at the same time are not compatible|
        expire none abc    => -ERR value is not an integer or out of range|
        expire none 10     => :0|
        expire none 10 foo => -ERR Unsupported option foo|
        expire a abc Foo   => -ERR Unsupported option Foo|
        expire a abc       => -ERR value is not an integer or out of range|
        ",
    );
}

#[test]
fn expiries_stay_inside_their_range() {
    check_script(
        "
        set a 1                           => +OK| ! set a
        expire none 9223372036854775807   => -ERR invalid expire time in 'expire' command|
        expire a 9223372036854775807      => -ERR invalid expire time in 'expire' command|
        expire a 9223372036854775         => -ERR invalid expire time in 'expire' command|
        expire a 9223372036854775 nx      => -ERR invalid expire time in 'expire' command|
        expire a -9223372036854775808     => -ERR invalid expire time in 'expire' command|
        pexpire a 9223372036854775807     => -ERR invalid expire time in 'pexpire' command|
        pexpire none -9223372036854775808 => :0|
        expireat a 9223372036854776       => -ERR invalid expire time in 'expireat' command|
        expireat a -9223372036854776      => -ERR invalid expire time in 'expireat' command|
        pexpireat a 9223372036854775807   => :1| ! expire a
        pexpiretime a                     => :9223372036854775807|
        expiretime a                      => :9223372036854776|
        expireat a 9223372036854775       => :1| ! expire a
        pexpiretime a                     => :9223372036854775000|
        pexpireat none 1                  => :0|
        ",
    );
}

#[test]
fn past_expiries_delete() {
    check_script(
        "
        set a 1                        => +OK| ! set a
        expire a -1                    => :1| ! expired a
        set a 1                        => +OK| ! set a
        expire a 0                     => :1| ! expired a
        set a 1                        => +OK| ! set a
        pexpire a -9223372036854775808 => :1| ! expired a
        set a 1                        => +OK| ! set a
        expireat a -9223372036854775   => :1| ! expired a
        set a 1                        => +OK| ! set a
        pexpireat a 1                  => :1| ! expired a
        exists a                       => :0|
        set a 1                        => +OK| ! set a
        expire a -5 nx                 => :1| ! expired a
        set a 1 ex 100                 => +OK| ! set a, expire a
        expire a -5 nx                 => :0|
        expire a -5 gt                 => :0|
        expire a -5 lt                 => :1| ! expired a
        set a 1                        => +OK| ! set a
        expire a -5 gt                 => :0|
        expire a -5 xx                 => :0|
        expire a -5 lt                 => :1| ! expired a
        ",
    );
}

#[test]
fn time_left_is_told() {
    check_script(
        "
        ttl none                   => :-2|
        pttl none                  => :-2|
        expiretime none            => :-2|
        pexpiretime none           => :-2|
        set a 1                    => +OK| ! set a
        ttl a                      => :-1|
        pttl a                     => :-1|
        expiretime a               => :-1|
        pexpiretime a              => :-1|
        pexpireat a 33177117420123 => :1| ! expire a
        pexpiretime a              => :33177117420123|
        expiretime a               => :33177117420|
        pexpireat a 33177117420499 => :1| ! expire a
        expiretime a               => :33177117420|
        pexpireat a 33177117420500 => :1| ! expire a
        expiretime a               => :33177117421|
        ",
    );
}

#[test]
fn keys_are_renamed() {
    check_script(
        "
        rename none b      => -ERR no such key|
        rename none none   => -ERR no such key|
        set a 1            => +OK| ! set a
        rename a a         => +OK|
        rename a b         => +OK| ! rename_from a, rename_to b
        get b              => $1|1|
        set c 2 ex 100     => +OK| ! set c, expire c
        rename b c         => +OK| ! rename_from b, rename_to c
        ttl c              => :-1|
        get c              => $1|1|
        renamenx none b    => -ERR no such key|
        renamenx none none => -ERR no such key|
        renamenx c c       => :0|
        set d 1            => +OK| ! set d
        renamenx c d       => :0|
        setex c 100 2      => +OK| ! set c, expire c
        renamenx c e       => :1| ! rename_from c, rename_to e
        ttl e              => :100|
        rpush l a          => :1| ! rpush l
        rename l e         => +OK| ! rename_from l, rename_to e
        type e             => +list|
        ttl e              => :-1|
        lrange e 0 -1      => *1|$1|a|
        ",
    );
}

#[test]
fn keys_are_copied() {
    check_script(
        "
        copy none a              => :0|
        rpush e a b              => :2| ! rpush e
        copy e e                 => -ERR source and destination objects are the same|
        copy none none           => -ERR source and destination objects are the same|
        copy e f                 => :1| ! copy_to f
        lpop f                   => $1|a| ! lpop f
        lrange e 0 -1            => *2|$1|a|$1|b|
        copy e f                 => :0|
        copy e f replace         => :1| ! copy_to f
        copy e f foo             => -ERR syntax error|
        copy e f foo bar         => -ERR syntax error|
        copy e f db              => -ERR syntax error|
        copy e f db abc          => -ERR value is not an integer or out of range|
        copy e f db 99           => -ERR DB index is out of range|
        copy e f db -1           => -ERR DB index is out of range|
        copy none f db 99        => -ERR DB index is out of range|
        copy e f db 2147483648   => -ERR value is out of range, value must between -2147483648 and 2147483647|
        copy e e db 0            => -ERR source and destination objects are the same|
        copy e e db 1            => :1| ! copy_to e @1
        copy e e db 1            => :0|
        copy e e db 1 replace    => :1| ! copy_to e @1
        copy e z db 2 db 3       => :1| ! copy_to z @3
        copy none z replace      => :0|
        copy none f              => :0|
        setex t 100 1            => +OK| ! set t, expire t
        copy t u                 => :1| ! copy_to u
        ttl u                    => :100|
        copy t u replace replace => :1| ! copy_to u
        copy e t replace         => :1| ! copy_to t
        type t                   => +list|
        ttl t                    => :-1|
        select 3                 => +OK|
        lrange z 0 -1            => *2|$1|a|$1|b|
        ",
    );
}

#[test]
fn keys_move_to_other_databases() {
    check_script(
        "
        move none 1                 => :0|
        setex t 100 1               => +OK| ! set t, expire t
        set u 1                     => +OK| ! set u
        move t 0                    => -ERR source and destination objects are the same|
        move t abc                  => -ERR value is not an integer or out of range|
        move t 16                   => -ERR DB index is out of range|
        move t -1                   => -ERR DB index is out of range|
        move t 2147483648           => -ERR value is out of range, value must between -2147483648 and 2147483647|
        move t 99999999999999999999 => -ERR value is not an integer or out of range|
        move t 1                    => :1| ! move_from t, move_to t @1
        move u 1                    => :1| ! move_from u, move_to u @1
        move u 1                    => :0|
        setex t 100 1               => +OK| ! set t, expire t
        move t 1                    => :0|
        move none abc               => -ERR value is not an integer or out of range|
        move none 0                 => -ERR source and destination objects are the same|
        select 1                    => +OK|
        ttl t                       => :100|
        get u                       => $1|1|
        exists u t                  => :2|
        ",
    );
}

#[test]
fn values_are_described() {
    check_script("
        object encoding none => $-1|
        object encoding      => -ERR wrong number of arguments for 'object|encoding' command|
        object foo           => -ERR unknown subcommand 'foo'. Try OBJECT HELP.|
        object refcount none => $-1|
        object idletime none => $-1|
        object freq none     => $-1|
        set a 1              => +OK| ! set a
        object refcount a    => :1|
        object encoding a    => $3|int|
        object idletime a    => :0|
        object freq a        => -ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.|
        object encoding a b  => -ERR wrong number of arguments for 'object|encoding' command|
        object               => -ERR wrong number of arguments for 'object' command|
        object help          => *11|+OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:|+ENCODING key|+    Tells the internal representation of a value.|+FREQ key|+    Tells how often a value is used, on a logarithmic scale.|+HELP|+    Lists the subcommands.|+IDLETIME key|+    Tells for how many seconds a value has not been used.|+REFCOUNT key|+    Tells how many references to a value there are.|
        ");
}

#[test]
fn scans_check_their_words() {
    check_script(
        r#"
        set a 1                                      => +OK| ! set a
        scan                                         => -ERR wrong number of arguments for 'scan' command|
        scan abc                                     => -ERR invalid cursor|
        scan -1                                      => -ERR invalid cursor|
        scan ''                                      => -ERR invalid cursor|
        scan 0 match                                 => -ERR syntax error|
        scan 0 count 0                               => -ERR syntax error|
        scan 0 count -1                              => -ERR syntax error|
        scan 0 count abc                             => -ERR value is not an integer or out of range|
        scan 0 count 1 count                         => -ERR syntax error|
        scan 0 type                                  => -ERR syntax error|
        scan 0 type foo                              => -ERR unknown type name 'foo'|
        scan 0 type none                             => -ERR unknown type name 'none'|
        scan 0 foo                                   => -ERR syntax error|
        scan 0 novalues                              => -ERR NOVALUES option can only be used in HSCAN|
        scan 0 noscores                              => -ERR NOSCORES option can only be used in ZSCAN|
        scan abc count 0                             => -ERR invalid cursor|
        scan 0 count 0 foo                           => -ERR syntax error|
        scan 0 foo count 0                           => -ERR syntax error|
        scan 18446744073709551616                    => -ERR invalid cursor|
        scan 0 match a match b                       => *2|$1|0|*0|
        scan 0 match b match a                       => *2|$1|0|*1|$1|a|
        scan 0 type STRING count 9223372036854775807 => *2|$1|0|*1|$1|a|
        scan 0 type hash                             => *2|$1|0|*0|
        scan 0 type stream                           => *2|$1|0|*0|
        scan "1 "                                    => -ERR invalid cursor|
        keys a                                       => *1|$1|a|
        keys b*                                      => *0|
        keys                                         => -ERR wrong number of arguments for 'keys' command|
        randomkey                                    => $1|a|
        randomkey a                                  => -ERR wrong number of arguments for 'randomkey' command|
        select 1                                     => +OK|
        randomkey                                    => $-1|
        keys *                                       => *0|
        "#,
    );
}

#[test]
fn nulls_of_resp3() {
    Bench::resp3().check_script(
        "
        object encoding none => _|
        object freq none     => _|
        randomkey            => _|
        keys *               => *0|
        scan 0               => *2|$1|0|*0|
        ",
    );
}

/// The elements of a reply's innermost array of bulk strings, in order.
fn bulks(reply: &str) -> Vec<String> {
    reply
        .split('|')
        .filter(|part| !part.is_empty() && !part.starts_with(['*', '$']))
        .map(String::from)
        .collect()
}

fn scan_all(bench: &mut Bench, options: &str) -> Vec<String> {
    let (mut cursor, mut keys) = (String::from("0"), Vec::new());
    for _ in 0..1000 {
        let mut page = bulks(&bench.run(&format!("scan {cursor} {options}")));
        cursor = page.remove(0);
        keys.append(&mut page);
        if cursor == "0" {
            keys.sort();
            return keys;
        }
    }
    panic!("the scan does not end");
}

#[test]
fn one_cursor_walks_over_all_shards() {
    for shards in [1, 2, 5] {
        let mut bench = Bench::with_shards(shards);
        let mut all: Vec<String> = (0..200).map(|number| format!("k{number}")).collect();
        for key in &all {
            bench.run(&format!("set {key} 1"));
        }
        bench.run("rpush k-list 1");
        all.push("k-list".into());
        all.sort();
        assert_eq!(scan_all(&mut bench, "count 7"), all);
        assert_eq!(scan_all(&mut bench, "match k1?"), scan_all(&mut bench, "match k1[0-9]"));
        assert_eq!(scan_all(&mut bench, "match k1?").len(), 10);
        assert_eq!(scan_all(&mut bench, "type list"), ["k-list"]);
        let mut keys = bulks(&bench.run("keys *"));
        keys.sort();
        assert_eq!(keys, all);
        assert_eq!(bulks(&bench.run("keys k19?")).len(), 10);
        // Whatever cursor a client invents is only a place to start from.
        bench.run("scan 18446744073709551615");
    }
}

#[test]
fn what_has_expired_is_not_returned() {
    let mut bench = Bench::with_shards(3);
    for number in 0..9 {
        bench.run(&format!("set old{number} 1 px 10"));
    }
    bench.run("set young 1 px 11");
    bench.advance_ms(10);
    bench.take_events();
    assert_eq!(bench.run("keys *"), "*1|$5|young|");
    assert_eq!(bench.take_events(), [""; 0]);
    assert_eq!(scan_all(&mut bench, "match *d0"), [""; 0]);
    assert_eq!(bench.take_events(), ["expired old0"]);
    assert_eq!(bench.run("randomkey"), "$5|young|");
    assert_eq!(scan_all(&mut bench, ""), ["young"]);
    assert_eq!(bench.take_events().len(), 8);
    bench.advance_ms(1);
    bench.check_script("randomkey => $-1| ! expired young");
}

#[test]
fn what_has_expired_is_gone_before_the_command() {
    let mut bench = Bench::new();
    bench.check_script(
        "
        set a 1 px 10 => +OK| ! set a, expire a
        ",
    );
    bench.advance_ms(10);
    bench.check_script(
        "
        get a         => $-1| ! expired a
        set a 1 px 10 => +OK| ! set a, expire a
        pttl a        => :10|
        ",
    );
    bench.advance_ms(3);
    assert_eq!(bench.run("pttl a"), ":7|");
    bench.advance_ms(7);
    bench.check_script(
        "
        set a 1          => +OK| ! expired a, set a
        getex a px 5     => $1|1| ! expire a
        ",
    );
    bench.advance_ms(5);
    bench.check_script(
        "
        set a 2 keepttl  => +OK| ! expired a, set a
        ttl a            => :-1|
        pexpire a 5      => :1| ! expire a
        ",
    );
    bench.advance_ms(5);
    assert_eq!(
        bench.events_of("set b 1\nrename b a"),
        "set b, expired a, rename_from b, rename_to a"
    );
}

#[test]
fn random_keys_come_from_every_shard() {
    let mut bench = Bench::with_shards(4);
    for number in 0..40 {
        bench.run(&format!("set k{number} 1"));
    }
    let mut seen: Vec<String> = (0..1000).map(|_| bench.run("randomkey")).collect();
    seen.sort();
    seen.dedup();
    assert!(seen.len() > 35, "only {} of 40 keys were drawn", seen.len());
}

#[test]
fn access_times_follow_the_policy() {
    let mut bench = Bench::new();
    bench.config.maxmemory_policy = crate::config::EvictionPolicy::AllkeysLfu;
    bench.check_script(
        "
        set a 1              => +OK| ! set a
        object freq a        => :5|
        get a                => $1|1|
        get a                => $1|1|
        object freq a        => :6|
        exists a             => :1|
        ttl a                => :-1|
        type a               => +string|
        object freq a        => :6|
        copy a c             => :1| ! copy_to c
        object freq c        => :5|
        object freq none     => $-1|
        object idletime none => $-1|
        object idletime a    => -ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.|
        ",
    );
    bench.advance_ms(4 * 60_000);
    bench.check(&[("object freq a", ":2|"), ("object freq c", ":1|")]);
}

#[test]
fn what_uses_a_key_ends_its_idle_time() {
    type Lines = &'static [&'static str];
    const USES: Lines = &[
        "get a",
        "set a 2",
        "append a x",
        "incr n",
        "touch a",
        "strlen a",
        "expire a 100",
        "getdel n",
        "rpush l x",
        "lrange l 0 -1",
    ];
    const LOOKS: Lines = &[
        "exists a",
        "ttl a",
        "type a",
        "object encoding a",
        "memory usage a",
        "object freq a",
        "scan 0",
    ];
    let after = |line: &str, no_touch: bool| {
        let mut bench = Bench::new();
        bench.run("mset a 1 n 1");
        bench.run("rpush l x y");
        bench.advance_ms(3000);
        bench.no_touch = no_touch;
        bench.run(line);
        let key = line
            .split(' ')
            .nth(1)
            .filter(|key| key.len() == 1 && *key != "0")
            .unwrap_or("a");
        bench.run(&format!("object idletime {key}"))
    };
    for line in USES {
        let want = if line.starts_with("getdel") { "$-1|" } else { ":0|" };
        assert_eq!(after(line, false), want, "{line}");
        let want = match *line {
            "getdel n" => "$-1|",
            "touch a" => ":0|",
            _ => ":3|",
        };
        assert_eq!(after(line, true), want, "{line} of a client that leaves no mark");
    }
    for line in LOOKS {
        assert_eq!(after(line, false), ":3|", "{line}");
    }
}

#[test]
fn restore_makes_what_dump_told() {
    check_script(
        r#"
        restore k 0 "\x00\x01vP\x00^\x22\x07#\x87j\xed:" => +OK| ! restore k
        get k                    => $1|v|
        restore k 0 "\x00\x01vP\x00^\x22\x07#\x87j\xed:" => -BUSYKEY Target key name already exists.|
        restore k 0 "\x12\x01\x02\x0c\x0c\x00\x00\x00\x02\x00\x81a\x02\x01\x01\xffP\x00[\xbc\xe2\xb22E\xcdq" replace => +OK| ! restore k
        lrange k 0 -1            => *2|$1|a|$1|1|
        restore n 0 "\x00\xc2@\xe2\x01\x00P\x00\x8c\x0c\x8ee\xddK\x15w" => +OK| ! restore n
        object encoding n        => $3|int|
        restore h 0 "\x10\x0d\x0d\x00\x00\x00\x02\x00\x81f\x02\x81v\x02\xffP\x00\xef\xdb\xf4\xd5\xbd\x06oi" => +OK| ! restore h
        hgetall h                => *2|$1|f|$1|v|
        restore s 0 "\x0b\x0c\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00\x02\x00P\x00\xa0S\xf1\x20\xaa\xb9G\xda" => +OK| ! restore s
        smembers s               => *2|$1|1|$1|2|
        restore z 0 "\x11\x0f\x0f\x00\x00\x00\x02\x00\x81a\x02\x831.5\x04\xffP\x00\xc7&\xa7\x88\x1e\xdc\x1al" => +OK| ! restore z
        zrange z 0 -1 withscores => *2|$1|a|$3|1.5|
        restore t 100000 "\x00\x01vP\x00^\x22\x07#\x87j\xed:" => +OK| ! restore t
        ttl t                    => :100|
        restore t2 4102444800000 "\x00\x01vP\x00^\x22\x07#\x87j\xed:" absttl => +OK| ! restore t2
        pexpiretime t2           => :4102444800000|
        restore t3 1 "\x00\x01vP\x00^\x22\x07#\x87j\xed:" absttl => +OK|
        exists t3                => :0|
        restore t 1 "\x00\x01vP\x00^\x22\x07#\x87j\xed:" absttl replace => +OK| ! del t
        exists t                 => :0|
        restore x -1 "\x00\x01vP\x00^\x22\x07#\x87j\xed:" => -ERR Invalid TTL value, must be >= 0|
        restore x abc "\x00\x01vP\x00^\x22\x07#\x87j\xed:" => -ERR value is not an integer or out of range|
        restore k abc "\x00\x01vP\x00^\x22\x07#\x87j\xed:" => -BUSYKEY Target key name already exists.|
        restore x 0 abc          => -ERR DUMP payload version or checksum are wrong|
        restore x 0 ""           => -ERR DUMP payload version or checksum are wrong|
        restore x 0 "\x00\x01vP\x00^\x22\x07#\x87j\xed" => -ERR DUMP payload version or checksum are wrong|
        restore x 0 "\x00\x01vP\x00^\x22\x07#\x87j\xed;" => -ERR DUMP payload version or checksum are wrong|
        restore x 0 "\x00\x01vP\x00^\x22\x07#\x87j\xed:" nope => -ERR syntax error|
        restore x 0 "\x00\x01vP\x00^\x22\x07#\x87j\xed:" idletime => -ERR syntax error|
        restore x 0 "\x00\x01vP\x00^\x22\x07#\x87j\xed:" idletime -1 => -ERR Invalid IDLETIME value, must be >= 0|
        restore x 0 "\x00\x01vP\x00^\x22\x07#\x87j\xed:" idletime x => -ERR value is not an integer or out of range|
        restore x 0 "\x00\x01vP\x00^\x22\x07#\x87j\xed:" freq 256 => -ERR Invalid FREQ value, must be >= 0 and <= 255|
        restore x 0 "\x00\x01vP\x00^\x22\x07#\x87j\xed:" freq -1 => -ERR Invalid FREQ value, must be >= 0 and <= 255|
        restore x 0 "\x00\x01vP\x00^\x22\x07#\x87j\xed:" freq 1 idletime 1 => -ERR syntax error|
        restore x 0 "\x00\x01vP\x00^\x22\x07#\x87j\xed:" idletime 1 freq 1 => -ERR syntax error|
        restore x 0 "\x00\x01vP\x00^\x22\x07#\x87j\xed:" idletime 1000 absttl => +OK| ! restore x
        object idletime x        => :1000|
        restore-asking y 0 "\x00\x01vP\x00^\x22\x07#\x87j\xed:" => +OK| ! restore y
        get y                    => $1|v|
        restore x 0              => -ERR wrong number of arguments for 'restore' command|
        dump none                => $-1|
        restore w 9223372036854775807 "\x00\x01vP\x00^\x22\x07#\x87j\xed:" => +OK|
        exists w                 => :0|
        "#,
    );
}
