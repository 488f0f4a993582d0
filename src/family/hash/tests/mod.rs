//! The hash commands against replies and events of Valkey 9.1.2.

mod expiry;

use crate::family::testing::{Bench, check_script};

#[test]
fn fields_are_set_and_read() {
    check_script(
        "
        set s x            => +OK| ! set s
        hset h a 1 b       => -ERR wrong number of arguments for 'hset' command|
        hset h a 1 b 2     => :2| ! hset h
        hset h a 3 c 4 c 5 => :1| ! hset h
        hget h a           => $1|3|
        hget h c           => $1|5|
        hget h z           => $-1|
        hget none a        => $-1|
        hget s a           => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hset s a 1         => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hset s a 1 b       => -ERR wrong number of arguments for 'hset' command|
        hset h a           => -ERR wrong number of arguments for 'hset' command|
        hmset h a 1        => +OK| ! hset h
        hmset h a          => -ERR wrong number of arguments for 'hmset' command|
        hmset h a 1 b      => -ERR wrong number of arguments for 'hmset' command|
        hmset s a 1        => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hmget h a z b      => *3|$1|1|$-1|$1|2|
        hmget none a b     => *2|$-1|$-1|
        hmget s a          => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hsetnx h a 9       => :0|
        hsetnx h n 9       => :1| ! hset h
        hsetnx s a 9       => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hsetnx new f v     => :1| ! hset new
        hgetall new        => *2|$1|f|$1|v|
        hgetall none       => *0|
        hgetall s          => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hkeys new          => *1|$1|f|
        hkeys none         => *0|
        hkeys s            => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hvals new          => *1|$1|v|
        hvals none         => *0|
        hvals s            => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hlen h             => :4|
        hlen none          => :0|
        hlen s             => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hexists h a        => :1|
        hexists h z        => :0|
        hexists none z     => :0|
        hexists s z        => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hstrlen h n        => :1|
        hstrlen h z        => :0|
        hstrlen none z     => :0|
        hstrlen s z        => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hset h big 12345   => :1| ! hset h
        hstrlen h big      => :5|
        hset h '' ''       => :1| ! hset h
        hget h ''          => $0||
        hstrlen h ''       => :0|
        ",
    );
}

#[test]
fn fields_are_deleted() {
    check_script(
        "
        set s x            => +OK| ! set s
        hset h a 1 b 2 c 3 => :3| ! hset h
        hdel h z           => :0|
        hdel h a z         => :1| ! hdel h
        hdel h b c d       => :2| ! hdel h, del h
        exists h           => :0|
        hdel h a           => :0|
        hdel none a        => :0|
        hdel s a           => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hdel h             => -ERR wrong number of arguments for 'hdel' command|
        hset h a 1         => :1| ! hset h
        hdel h a a         => :1| ! hdel h, del h
        ",
    );
}

#[test]
fn fields_count() {
    check_script(
        "
        set s x                         => +OK| ! set s
        hincrby h a 1                   => :1| ! hincrby h
        hincrby h a abc                 => -ERR value is not an integer or out of range|
        hincrby s a abc                 => -ERR value is not an integer or out of range|
        hincrby s a 1                   => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hset h t text                   => :1| ! hset h
        hincrby h t 1                   => -ERR hash value is not an integer|
        hincrby h a 9223372036854775807 => -ERR increment or decrement would overflow|
        hincrby h a -3                  => :-2| ! hincrby h
        hset h m -9223372036854775808   => :1| ! hset h
        hincrby h m -1                  => -ERR increment or decrement would overflow|
        hset h p 012                    => :1| ! hset h
        hincrby h p 1                   => -ERR hash value is not an integer|
        hset h p ' 1'                   => :0| ! hset h
        hincrby h p 1                   => -ERR hash value is not an integer|
        hset h p ''                     => :0| ! hset h
        hincrby h p 1                   => -ERR hash value is not an integer|
        hincrbyfloat h f 1.5            => $3|1.5| ! hincrbyfloat h
        hincrbyfloat h f 1e5000         => -ERR value is not a valid float|
        hincrbyfloat h f abc            => -ERR value is not a valid float|
        hincrbyfloat h f nan            => -ERR value is not a valid float|
        hincrbyfloat h f inf            => -ERR value is NaN or Infinity|
        hincrbyfloat s f abc            => -ERR value is not a valid float|
        hincrbyfloat s f 1              => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hincrbyfloat h t 1              => -ERR hash value is not a float|
        hincrbyfloat h a 0.1            => $4|-1.9| ! hincrbyfloat h
        hincrbyfloat h a 0.1            => $4|-1.8| ! hincrbyfloat h
        hincrbyfloat h new -0.1         => $4|-0.1| ! hincrbyfloat h
        hset h i inf                    => :1| ! hset h
        hincrbyfloat h i 1              => -ERR increment would produce NaN or Infinity|
        hset h v ' 1'                   => :1| ! hset h
        hincrbyfloat h v 1              => -ERR hash value is not a float|
        hset h v ''                     => :0| ! hset h
        hincrbyfloat h v 1              => -ERR hash value is not a float|
        hincrbyfloat none f 0           => $1|0| ! hincrbyfloat none
        hset h e 1e10                   => :1| ! hset h
        hincrbyfloat h e 1              => $11|10000000001| ! hincrbyfloat h
        object encoding h               => $8|listpack|
        ",
    );
}

#[test]
fn scans_of_fields() {
    check_script(
        "
        set s x                             => +OK| ! set s
        hset h a 1                          => :1| ! hset h
        hscan none 0                        => *2|$1|0|*0|
        hscan none abc                      => -ERR invalid cursor|
        hscan none 0 foo                    => *2|$1|0|*0|
        hscan s 0                           => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hscan s abc                         => -ERR invalid cursor|
        hscan h abc                         => -ERR invalid cursor|
        hscan h 0                           => *2|$1|0|*2|$1|a|$1|1|
        hscan h 7                           => *2|$1|0|*2|$1|a|$1|1|
        hscan h 0 foo                       => -ERR syntax error|
        hscan h 0 match                     => -ERR syntax error|
        hscan h 0 match b*                  => *2|$1|0|*0|
        hscan h 0 match a count 100         => *2|$1|0|*2|$1|a|$1|1|
        hscan h 0 count 0                   => -ERR syntax error|
        hscan h 0 count abc                 => -ERR value is not an integer or out of range|
        hscan h 0 novalues                  => *2|$1|0|*1|$1|a|
        hscan h 0 novalues novalues match a => *2|$1|0|*1|$1|a|
        hscan h 0 noscores                  => -ERR NOSCORES option can only be used in ZSCAN|
        hscan h 0 type string               => -ERR syntax error|
        hscan h                             => -ERR wrong number of arguments for 'hscan' command|
        ",
    );
}

#[test]
fn random_fields() {
    check_script("
        set s x                                        => +OK| ! set s
        hset h a 1                                     => :1| ! hset h
        hrandfield none                                => $-1|
        hrandfield none 5                              => *0|
        hrandfield none -5                             => *0|
        hrandfield s                                   => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hrandfield s 1                                 => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hrandfield s abc                               => -ERR value is not an integer or out of range|
        hrandfield h                                   => $1|a|
        hrandfield h 0                                 => *0|
        hrandfield h 1                                 => *1|$1|a|
        hrandfield h 5                                 => *1|$1|a|
        hrandfield h -3                                => *3|$1|a|$1|a|$1|a|
        hrandfield h abc                               => -ERR value is not an integer or out of range|
        hrandfield h 5 withvalues                      => *2|$1|a|$1|1|
        hrandfield h -2 withvalues                     => *4|$1|a|$1|1|$1|a|$1|1|
        hrandfield h 5 foo                             => -ERR syntax error|
        hrandfield h 5 withvalues foo                  => -ERR syntax error|
        hrandfield none 5 foo                          => -ERR syntax error|
        hrandfield h abc foo                           => -ERR value is not an integer or out of range|
        hrandfield h abc withvalues                    => -ERR value is not an integer or out of range|
        hrandfield h 9223372036854775807               => *1|$1|a|
        hrandfield none -9223372036854775808           => -ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807|
        hrandfield h -9223372036854775808              => -ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807|
        hrandfield h -9223372036854775807 withvalues   => -ERR value is out of range|
        hrandfield h 9223372036854775807 withvalues    => -ERR value is out of range|
        hrandfield none 0 withvalues                   => *0|
        hrandfield h -4611686018427387904 withvalues   => -ERR value is out of range|
        hrandfield h -4611686018427387903 withvalues foo => -ERR syntax error|
        ");
}

#[test]
fn maps_of_resp3() {
    Bench::resp3().check_script(
        "
        hset h a 1                 => :1| ! hset h
        hgetall h                  => %1|$1|a|$1|1|
        hgetall none               => %0|
        hkeys h                    => *1|$1|a|
        hvals h                    => *1|$1|1|
        hmget h a z                => *2|$1|1|_|
        hget h z                   => _|
        hrandfield h               => $1|a|
        hrandfield none            => _|
        hrandfield none 1          => *0|
        hrandfield h 1             => *1|$1|a|
        hrandfield h 2 withvalues  => *1|*2|$1|a|$1|1|
        hrandfield h -2 withvalues => *2|*2|$1|a|$1|1|*2|$1|a|$1|1|
        hscan h 0                  => *2|$1|0|*2|$1|a|$1|1|
        hscan h 0 novalues         => *2|$1|0|*1|$1|a|
        hincrbyfloat h f 1.5       => $3|1.5| ! hincrbyfloat h
        hexists h a                => :1|
        ",
    );
}

/// A line that sets `fields` fields.
fn hset(key: &str, fields: usize) -> String {
    let pairs: Vec<String> = (0..fields).map(|number| format!("f{number} v")).collect();
    format!("hset {key} {}", pairs.join(" "))
}

#[test]
fn encodings_change_at_valkeys_thresholds() {
    let long = "x".repeat(65);
    let repeated = format!("hset a {}", "f v ".repeat(600));
    for (lines, want) in [
        (vec![hset("a", 512)], "listpack"),
        (vec![hset("a", 512), "hincrby a x 1".into()], "hashtable"),
        (vec![hset("a", 513)], "hashtable"),
        (
            vec![hset("a", 513), hset("a", 500).replace("hset", "hdel")],
            "hashtable",
        ),
        (vec![repeated], "hashtable"),
        (vec![hset("a", 300), hset("a", 300)], "listpack"),
        (vec![format!("hset a {} 1", &long[1..])], "listpack"),
        (vec![format!("hset a {long} 1")], "hashtable"),
        (vec![format!("hset a 1 x 2 {long}")], "hashtable"),
        (vec![format!("hincrby a {long} 1")], "hashtable"),
        (vec!["hincrbyfloat a f 1e100".into()], "hashtable"),
        (vec!["hset a f v".into(), format!("hsetnx a f {long}")], "listpack"),
        (vec![hset("b", 513), "copy b a".into()], "hashtable"),
    ] {
        let mut bench = Bench::new();
        lines.iter().for_each(|line| drop(bench.run(line)));
        let reply = bench.run("object encoding a");
        assert_eq!(reply.split('|').nth(1), Some(want), "{}", lines[0]);
    }
    let mut bench = Bench::new();
    bench.config.hash_max_listpack_entries = 0;
    bench.check(&[("hset a f v", ":1|"), ("object encoding a", "$9|hashtable|")]);
}

#[test]
fn large_hashes_are_scanned_and_drawn_from() {
    let mut bench = Bench::new();
    bench.run(&hset("h", 1000));
    let (mut cursor, mut fields) = (String::from("0"), Vec::new());
    loop {
        let reply = bench.run(&format!("hscan h {cursor} count 50 match f?? novalues"));
        let mut parts = reply
            .split('|')
            .filter(|part| !part.starts_with(['*', '$']) && !part.is_empty());
        cursor = parts.next().unwrap_or_default().into();
        fields.extend(parts.map(String::from));
        if cursor == "0" {
            break;
        }
    }
    fields.sort();
    let want: Vec<String> = (10..100).map(|number| format!("f{number}")).collect();
    assert_eq!(fields, want);
    for (line, want) in [
        ("hrandfield h 100", 100),
        ("hrandfield h 900", 900),
        ("hrandfield h -2000", 2000),
        ("hrandfield h 5 withvalues", 10),
    ] {
        assert!(bench.run(line).starts_with(&format!("*{want}|")), "{line}");
    }
    // Valkey would try to send them all.
    bench.check(&[("hrandfield h -9223372036854775807", "-ERR value is out of range|")]);
}
