//! The commands against replies and events of Valkey 9.1.2.

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
    for line in ["sadd t a", "srem t a", "smembers t", "sismember t a", "scard t"] {
        assert_eq!(bench.run(line), wrong, "{line}");
    }
    assert_eq!(bench.run("get t"), "$1|x|");
}

#[test]
fn all_members_are_a_set_in_resp3() {
    let mut bench = Bench::new();
    bench.resp = Resp::V3;
    bench.run("sadd s a");
    assert_eq!(bench.run("smembers s"), "~1|$1|a|");
}
