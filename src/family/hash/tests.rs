//! The commands against replies and events of Valkey 9.1.2.

use crate::family::testing::{Bench, check_script};
use crate::protocol::reply::Resp;

#[test]
fn fields_are_set_read_and_removed() {
    check_script(
        "hset h a => -ERR wrong number of arguments for 'hset' command|
         hset h a 1 b => -ERR wrong number of arguments for 'hset' command|
         hset h a 1 b 2 => :2| ! hset h
         hset h a 3 c 4 => :1| ! hset h
         hset h a 3 => :0| ! hset h
         hsetnx h a 9 => :0|
         hsetnx h d 9 => :1| ! hset h
         hget h a => $1|3|
         hget h x => $-1|
         hget none a => $-1|
         hmget h a x d => *3|$1|3|$-1|$1|9|
         hmget none a => *1|$-1|
         hgetall none => *0|
         hlen h => :4|
         hlen none => :0|
         hexists h a => :1|
         hexists h x => :0|
         hexists none x => :0|
         hdel none a => :0|
         hdel h a a x => :1| ! hdel h
         hdel h x => :0|
         hdel h b c d => :3| ! hdel h, del h
         exists h => :0|",
    );
}

#[test]
fn other_types_are_refused_and_left_alone() {
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value|";
    let mut bench = Bench::new();
    bench.run("set s x");
    for line in [
        "hset s a b",
        "hsetnx s a b",
        "hget s a",
        "hmget s a",
        "hgetall s",
        "hlen s",
        "hexists s a",
        "hdel s a",
    ] {
        assert_eq!(bench.run(line), wrong, "{line}");
    }
    assert_eq!(bench.run("get s"), "$1|x|");
}

#[test]
fn all_pairs_are_a_map_in_resp3() {
    let mut bench = Bench::new();
    bench.run("hset h a 1");
    assert_eq!(bench.run("hgetall h"), "*2|$1|a|$1|1|");
    bench.resp = Resp::V3;
    assert_eq!(bench.run("hgetall h"), "%1|$1|a|$1|1|");
    assert_eq!(bench.run("hget h x"), "_|");
}
