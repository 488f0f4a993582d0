//! The commands against replies and events of Valkey 9.1.2.

use std::collections::BTreeSet;

use crate::family::testing::{Bench, check_script};
use crate::protocol::reply::Resp;

#[test]
fn members_are_added_read_and_removed() {
    check_script(
        "sadd s => -ERR wrong number of arguments for 'sadd' command|
         sadd s a b a => :2| ! sadd s
         sadd s b => :0|
         sismember s b => :1|
         sismember s x => :0|
         sismember none x => :0|
         smismember s x b => *2|:0|:1|
         smismember none x b => *2|:0|:0|
         scard s => :2|
         scard none => :0|
         smembers none => *0|
         srem none a => :0|
         srem s x => :0|
         srem s a x => :1| ! srem s
         smembers s => *1|$1|b|
         srem s b => :1| ! srem s, del s
         exists s => :0|",
    );
}

#[test]
fn other_types_are_refused_and_left_alone() {
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value|";
    let mut bench = Bench::new();
    bench.run("set t x");
    bench.run("sadd s a");
    for line in [
        "sadd t a",
        "srem t a",
        "smembers t",
        "sismember t a",
        "smismember t a",
        "scard t",
        "spop t",
        "spop t 0",
        "srandmember t",
        "srandmember t 1",
        "smove t s a",
        "smove s t a",
        "smove s t none",
        "sscan t 0",
        "sinter none t",
        "sinter s t",
        "sintercard 2 none t",
        "sinterstore d none t",
        "sunion none t",
        "sunionstore d s t",
        "sdiff s t",
        "sdiffstore d t s",
    ] {
        assert_eq!(bench.run(line), wrong, "{line}");
    }
    bench.check(&[
        ("get t", "$1|x|"),
        ("smembers s", "*1|$1|a|"),
        ("exists d", ":0|"),
        ("smove none t a", ":0|"),
        ("sdiffstore t none", ":0|"),
        ("exists t", ":0|"),
    ]);
}

#[test]
fn sets_are_sets_in_resp3() {
    let mut bench = Bench::new();
    bench.resp = Resp::V3;
    bench.run("sadd s a");
    bench.check(&[
        ("smembers s", "~1|$1|a|"),
        ("sinter s s", "~1|$1|a|"),
        ("sinter s none", "~0|"),
        ("sunion s none", "~1|$1|a|"),
        ("sdiff s s", "~0|"),
        ("smismember s a", "*1|:1|"),
        ("srandmember s 2", "*1|$1|a|"),
        ("srandmember none", "_|"),
        ("srandmember none 2", "*0|"),
        ("spop s 0", "~0|"),
        ("spop s 2", "~1|$1|a|"),
        ("spop none", "_|"),
        ("spop none 1", "~0|"),
    ]);
}

#[test]
fn members_move() {
    check_script(
        "sadd s a b 1 => :3| ! sadd s
         smove s d a => :1| ! srem s, sadd d
         smove s d a => :0|
         smove s s b => :1|
         smove s s x => :0|
         smove none d b => :0|
         smove s e 1 => :1| ! srem s, sadd e
         object encoding e => $6|intset|
         sadd d b => :1| ! sadd d
         smove s d b => :1| ! srem s, del s
         smembers d => *2|$1|a|$1|b|",
    );
}

#[test]
fn members_are_drawn() {
    let positive = "-ERR value is out of range, must be positive|";
    let range = "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807|";
    let mut bench = Bench::new();
    bench.check(&[
        ("sadd s a b c", ":3|"),
        ("spop s -1", positive),
        ("spop s x", positive),
        ("spop s 1 2", "-ERR syntax error|"),
        ("spop none", "$-1|"),
        ("spop none 1", "*0|"),
        ("spop s 0", "*0|"),
        ("srandmember s x", "-ERR value is not an integer or out of range|"),
        ("srandmember s 1 2", "-ERR syntax error|"),
        ("srandmember s -9223372036854775808", range),
        ("srandmember s -9223372036854775807", "-ERR value is out of range|"),
        ("srandmember none", "$-1|"),
        ("srandmember none 3", "*0|"),
        ("srandmember s 0", "*0|"),
        ("srandmember s 9223372036854775807", "*3|$1|a|$1|b|$1|c|"),
    ]);
    let repeated = bench.run("srandmember s -50");
    assert!(repeated.starts_with("*50|"), "{repeated}");
    assert!(["a", "b", "c"].iter().all(|member| repeated.contains(member)));
    bench.take_events();
    let mut popped = BTreeSet::from([bench.run("spop s")]);
    popped.insert(bench.run("spop s 1").trim_start_matches("*1|").to_owned());
    popped.insert(bench.run("spop s 5").trim_start_matches("*1|").to_owned());
    assert_eq!(
        popped,
        ["$1|a|", "$1|b|", "$1|c|"].map(str::to_owned).into(),
        "each member is taken once"
    );
    assert_eq!(bench.take_events(), ["spop s", "spop s", "spop s", "del s"]);
    bench.run("sadd s x");
    bench.take_events();
    assert_eq!(bench.run("spop s"), "$1|x|");
    assert_eq!(bench.take_events(), ["spop s", "del s"]);
}

#[test]
fn sets_are_combined() {
    check_script(
        "sadd a 1 2 3 4 => :4| ! sadd a
         sadd b 2 4 6 => :3| ! sadd b
         sadd c 4 x => :2| ! sadd c
         sinter a b => *2|$1|2|$1|4|
         sinter a b c => *1|$1|4|
         sinter a none => *0|
         sunion a b => *5|$1|1|$1|2|$1|3|$1|4|$1|6|
         sdiff a b c => *2|$1|1|$1|3|
         sdiff a none => *4|$1|1|$1|2|$1|3|$1|4|
         sdiff none a => *0|
         sdiff a b a => *0|
         sinterstore d a b => :2| ! sinterstore d
         smembers d => *2|$1|2|$1|4|
         sunionstore d d c => :3| ! sunionstore d
         smembers d => *3|$1|2|$1|4|$1|x|
         sdiffstore d d b => :1| ! sdiffstore d
         smembers d => *1|$1|x|
         sdiffstore d d d => :0| ! del d
         sinterstore d a none => :0|
         set d x => +OK| ! set d
         sinterstore d none a => :0| ! del d
         sunionstore d none => :0|",
    );
}

#[test]
fn common_members_are_counted() {
    check_script(
        "sadd a 1 2 3 4 => :4| ! sadd a
         sadd b 2 4 6 => :3| ! sadd b
         sintercard 2 a b => :2|
         sintercard 2 a none => :0|
         sintercard 1 a limit 0 => :4|
         sintercard 1 a limit 3 => :3|
         sintercard 1 a limit 3 limit 2 => :2|
         sintercard 0 a => -ERR numkeys should be greater than 0|
         sintercard x a => -ERR numkeys should be greater than 0|
         sintercard 2 a => -ERR Number of keys can't be greater than number of args|
         sintercard 1 a limit => -ERR syntax error|
         sintercard 1 a b => -ERR syntax error|
         sintercard 1 a limit -1 => -ERR LIMIT can't be negative|
         sintercard 1 a limit x => -ERR LIMIT can't be negative|",
    );
}

#[test]
fn forms_change_as_in_valkey() {
    let mut bench = Bench::new();
    bench.config.set_max_intset_entries = 3;
    bench.config.set_max_listpack_entries = 4;
    bench.config.set_max_listpack_value = 8;
    for (script, want) in [
        ("sadd s 1 2 3", "intset"),
        ("sadd s 1 2 3\nsadd s 4", "hashtable"),
        ("sadd s 1 2 3 4", "listpack"),
        ("sadd s 1 2 3 4 5", "hashtable"),
        ("sadd s 3 1 2\nsadd s a", "listpack"),
        ("sadd s 1\nsadd s 1 1 1 1", "hashtable"),
        ("sadd s a\nsadd s a a a a a", "hashtable"),
        ("sadd s 1\nsadd s abcdefghijk", "hashtable"),
        ("sadd s 1234567890\nsadd s a", "hashtable"),
        ("sadd s -1234567\nsadd s a", "listpack"),
        ("sadd a 1 2 3\nsadd b 1 2 x\nsinterstore s a b", "intset"),
        ("sadd a x 1 2\nsadd b y 1 2\nsinterstore s a b", "intset"),
        ("sadd a x 1 2\nsinterstore s a a", "listpack"),
        (
            "sadd a x y z w 1 2 3\nsadd b p q r s 1 2 3\nsinterstore s a b",
            "intset",
        ),
        (
            "sadd a x y z w 1 2 3 4\nsadd b p q r s 1 2 3 4\nsinterstore s a b",
            "listpack",
        ),
        ("sadd a 1 2\nsadd b 2 3\nsunionstore s a b", "intset"),
        ("sadd a 1 2\nsadd b 3 4\nsunionstore s a b", "hashtable"),
        ("sadd a x 1\nsadd b 2\nsunionstore s a b", "listpack"),
        ("sadd a x y z w 1 2 3\nsadd b x y z w\nsdiffstore s a b", "intset"),
        (
            "sadd a x y z w 1 2 3\nsadd b x\nsadd c y\nsadd d z\nsdiffstore s a b c d",
            "hashtable",
        ),
        ("sadd s a b c d e f g h i j k\nspop s 10", "listpack"),
        ("sadd s a b c d e f g h i j k\nspop s 9", "hashtable"),
        ("sadd a 1 2 3\ncopy a s", "intset"),
        ("sadd a 1 2 x\nrename a s", "listpack"),
    ] {
        bench.run("flushall");
        script.lines().for_each(|line| {
            let reply = bench.run(line);
            assert!(!reply.starts_with('-'), "{line}: {reply}");
        });
        let want = format!("${}|{want}|", want.len());
        assert_eq!(bench.run("object encoding s"), want, "{script}");
    }
}

#[test]
fn scans_end_and_meet_every_member() {
    check_script(
        "sadd s a b c => :3| ! sadd s
         sscan s 0 => *2|$1|0|*3|$1|a|$1|b|$1|c|
         sscan s 17 match [ab] count 1 => *2|$1|0|*2|$1|a|$1|b|
         sscan s 0 count 0 => -ERR syntax error|
         sscan s x => -ERR invalid cursor|
         sscan s 0 novalues => -ERR NOVALUES option can only be used in HSCAN|
         sscan none 5 nonsense => *2|$1|0|*0|
         sscan none x nonsense => -ERR invalid cursor|",
    );
    let mut bench = Bench::new();
    for member in 0..1000 {
        bench.run(&format!("sadd s m{member}"));
    }
    let (mut cursor, mut seen, mut calls) = ("0".to_owned(), BTreeSet::new(), 0);
    loop {
        let reply = bench.run(&format!("sscan s {cursor} count 50"));
        let words: Vec<&str> = reply.split('|').collect();
        seen.extend(
            words
                .iter()
                .filter(|word| word.starts_with('m'))
                .map(|word| word.to_string()),
        );
        cursor = words[2].to_owned();
        calls += 1;
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen.len(), 1000);
    assert!((5..=21).contains(&calls), "{calls}");
}
