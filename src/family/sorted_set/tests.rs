//! The commands against replies that Valkey 9.1.2 gave.

use crate::family::testing::{Bench, check};
use crate::protocol::reply::Resp;

const WRONG: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value|";

#[test]
fn adds_and_increments() {
    check(&[
        ("rpush s x", ":1|"),
        ("zadd z 1 a 2 b 3 c", ":3|"),
        (
            "zadd z nx xx 1 a",
            "-ERR XX and NX options at the same time are not compatible|",
        ),
        (
            "zadd z nx gt 1 a",
            "-ERR GT, LT, and/or NX options at the same time are not compatible|",
        ),
        (
            "zadd z gt lt 1 a",
            "-ERR GT, LT, and/or NX options at the same time are not compatible|",
        ),
        (
            "zadd z incr 1 a 2 b",
            "-ERR INCR option supports a single increment-element pair|",
        ),
        ("zadd z 1", "-ERR wrong number of arguments for 'zadd' command|"),
        ("zadd z nx", "-ERR wrong number of arguments for 'zadd' command|"),
        ("zadd z 1 a 2", "-ERR syntax error|"),
        ("zadd z foo a", "-ERR value is not a valid float|"),
        ("zadd z nan a", "-ERR value is not a valid float|"),
        ("zadd z 0x10 hex", "-ERR value is not a valid float|"),
        ("zadd z \" 1\" sp", "-ERR value is not a valid float|"),
        ("zadd z \"1 \" sp", "-ERR value is not a valid float|"),
        ("zadd z \"\" em", "-ERR value is not a valid float|"),
        ("zadd z 1e400 big", "-ERR value is not a valid float|"),
        ("zadd z +5 plus", ":1|"),
        ("zadd z -inf ninf", ":1|"),
        ("zadd z incr inf ninf", "-ERR resulting score is not a number (NaN)|"),
        ("zadd z incr 1 new", "$1|1|"),
        ("zadd z nx incr 1 new", "$-1|"),
        ("zadd z xx incr 1 nonew", "$-1|"),
        ("zadd nol xx 1 a", ":0|"),
        ("zadd z gt ch 1 new", ":0|"),
        ("zadd z gt ch 10 new", ":1|"),
        ("zadd s foo a", "-ERR value is not a valid float|"),
        ("zadd s 1 a", WRONG),
        ("zadd z -0 negzero", ":1|"),
        ("zscore z negzero", "$1|0|"),
        ("zadd z 0.1 f 1e21 g 1e-7 h 3.0 i 123456789012345678 j 1e17 k", ":6|"),
        ("zincrby z abc a", "-ERR value is not a valid float|"),
        ("zincrby z xx a", "-ERR syntax error|"),
        ("zincrby z 1.5 a", "$3|2.5|"),
        ("zincrby s 1 a", WRONG),
        ("zadd z 1 a 2 b", ":0|"),
        ("zadd z incr 1 a", "$1|2|"),
        ("zincrby z 1 a", "$1|3|"),
    ]);
}

#[test]
fn reads_scores_ranks_and_counts() {
    check(&[
        ("rpush s x", ":1|"),
        ("zadd z 1 a 2 b 3 c -inf d 2 e +inf f 2.5 g", ":7|"),
        ("zcard s", WRONG),
        ("zcount s a b", "-ERR min or max is not a float|"),
        ("zcount z 1 2", ":3|"),
        ("zcount z a b", "-ERR min or max is not a float|"),
        ("zlexcount z - +", ":7|"),
        ("zlexcount z a b", "-ERR min or max not valid string range item|"),
        ("zmscore nol a b", "*2|$-1|$-1|"),
        ("zmscore s a b", WRONG),
        ("zmscore z a nope", "*2|$1|1|$-1|"),
        ("zmscore z a nope b", "*3|$1|1|$-1|$1|2|"),
        ("zrank nol a", "$-1|"),
        ("zrank nol a withscore", "*-1|"),
        ("zrank nol b", "$-1|"),
        (
            "zrank s a withscore foo",
            "-ERR wrong number of arguments for 'zrank' command|",
        ),
        ("zrank z a", ":1|"),
        ("zrank z a foo", "-ERR syntax error|"),
        ("zrank z a withscore", "*2|:1|$1|1|"),
        (
            "zrank z a withscore foo",
            "-ERR wrong number of arguments for 'zrank' command|",
        ),
        ("zrank z nope", "$-1|"),
        ("zrank z nope withscore", "*-1|"),
        ("zrevrank z a withscore", "*2|:5|$1|1|"),
        ("zscore nol a", "$-1|"),
        ("zscore s a", WRONG),
        ("zscore z a", "$1|1|"),
        ("zscore z negzero", "$-1|"),
        ("zcount z (1 +inf", ":5|"),
        ("zcount z -inf (3", ":5|"),
        ("zcount z 3 1", ":0|"),
        ("zcount z (2 (2", ":0|"),
        ("zadd y 0 a 0 b 0 c", ":3|"),
        ("zlexcount y (a [c", ":2|"),
        ("zlexcount y [c [a", ":0|"),
        ("zlexcount y + -", ":0|"),
        ("zlexcount y (b +", ":1|"),
    ]);
}

#[test]
fn returns_ranges_in_every_form() {
    check(&[
        ("rpush s x", ":1|"),
        ("zadd z 1 a 2 b 3 c -inf d 2 e +inf f 2.5 g", ":7|"),
        ("zadd y 0 a 0 b 0 c 0 d", ":4|"),
        (
            "zrange z 0 -1 withscores",
            "*14|$1|d|$4|-inf|$1|a|$1|1|$1|b|$1|2|$1|e|$1|2|$1|g|$3|2.5|$1|c|$1|3|$1|f|$3|inf|",
        ),
        (
            "zrange z 0 -1 limit 0 1",
            "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX|",
        ),
        ("zrange z 0 -1 limit 0 -1", "*7|$1|d|$1|a|$1|b|$1|e|$1|g|$1|c|$1|f|"),
        (
            "zrange z 0 -1 limit a b",
            "-ERR value is not an integer or out of range|",
        ),
        (
            "zrange z a b limit a b",
            "-ERR value is not an integer or out of range|",
        ),
        ("zrange z a b foo", "-ERR syntax error|"),
        ("zrange z a b", "-ERR value is not an integer or out of range|"),
        ("zrange z a b byscore", "-ERR min or max is not a float|"),
        ("zrange z a b bylex", "-ERR min or max not valid string range item|"),
        (
            "zrange z [a [b bylex withscores",
            "-ERR syntax error, WITHSCORES not supported in combination with BYLEX|",
        ),
        ("zrange z 0 1 bylex byscore", "-ERR syntax error|"),
        ("zrange z 0 1 rev rev", "-ERR syntax error|"),
        ("zrange z 0 1 byscore limit", "-ERR syntax error|"),
        ("zrange z 0 1 byscore limit 0", "-ERR syntax error|"),
        ("zrange z 3 1 byscore", "*0|"),
        ("zrange z 3 1 byscore rev", "*5|$1|c|$1|g|$1|e|$1|b|$1|a|"),
        ("zrange z (1 3 byscore limit 1 1 withscores", "*2|$1|e|$1|2|"),
        ("zrange z -inf +inf byscore limit -1 2", "*0|"),
        (
            "zrange z -inf +inf byscore limit 1 -5",
            "*6|$1|a|$1|b|$1|e|$1|g|$1|c|$1|f|",
        ),
        ("zrange z -inf +inf byscore limit 1 0", "*0|"),
        ("zrange s 0 1", WRONG),
        ("zrange s a b", "-ERR value is not an integer or out of range|"),
        ("zrange nol 0 1", "*0|"),
        ("zrangebyscore z \"\" 5", "*5|$1|a|$1|b|$1|e|$1|g|$1|c|"),
        ("zrangebyscore z ( 5", "*5|$1|a|$1|b|$1|e|$1|g|$1|c|"),
        ("zcount z \"2\\x00x\" \"(3\\x00\"", ":3|"),
        ("zcount z \"\\x00\" 1", ":1|"),
        ("zcount z \"x\\x00\" 1", "-ERR min or max is not a float|"),
        ("zrangebyscore z (( 5", "-ERR min or max is not a float|"),
        ("zrangebyscore z \" 1\" 5", "-ERR min or max is not a float|"),
        ("zrangebyscore z 1 nan", "-ERR min or max is not a float|"),
        ("zrangebyscore z 1 0x3", "-ERR min or max is not a float|"),
        ("zrangebyscore z 1 1e", "-ERR min or max is not a float|"),
        ("zrangebyscore z 1 2 rev", "-ERR syntax error|"),
        ("zrangebylex z a b", "-ERR min or max not valid string range item|"),
        ("zrangebylex z -a +", "-ERR min or max not valid string range item|"),
        ("zrangebylex z [a +a", "-ERR min or max not valid string range item|"),
        (
            "zrevrange z 0 1 limit 0 1",
            "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX|",
        ),
        ("zrevrange z 0 1 withscores", "*4|$1|f|$3|inf|$1|c|$1|3|"),
        (
            "zrevrangebyscore z 3 1 withscores limit 0 2",
            "*4|$1|c|$1|3|$1|g|$3|2.5|",
        ),
        ("zrange z 0 1 withscores", "*4|$1|d|$4|-inf|$1|a|$1|1|"),
        ("zrange y [b + bylex limit 1 9", "*2|$1|c|$1|d|"),
        ("zrange y (d - bylex rev limit 0 2", "*2|$1|c|$1|b|"),
        ("zrangebylex y - +", "*4|$1|a|$1|b|$1|c|$1|d|"),
        ("zrangebylex y + -", "*0|"),
        ("zrevrangebylex y + [b limit 0 2", "*2|$1|d|$1|c|"),
        ("zrange y - [b bylex", "*2|$1|a|$1|b|"),
        ("zrange z -2 99 rev withscores", "*4|$1|a|$1|1|$1|d|$4|-inf|"),
        ("zrevrangebyscore z +inf (2 limit 1 2", "*2|$1|c|$1|g|"),
        ("zrange z 2 2 byscore rev", "*2|$1|e|$1|b|"),
        (
            "zrange z 1e400 -1e400 byscore rev limit 1 -1",
            "*6|$1|c|$1|g|$1|e|$1|b|$1|a|$1|d|",
        ),
    ]);
}

#[test]
fn stores_ranges() {
    check(&[
        ("rpush s x", ":1|"),
        ("zadd z 1 a 2 b 3 c", ":3|"),
        ("zrangestore d z 0 -1", ":3|"),
        ("zrangestore d z 5 9", ":0|"),
        ("zrangestore d nol 5 9", ":0|"),
        ("zrangestore d s 5 9", WRONG),
        ("zrangestore d z 0 -1 withscores", "-ERR syntax error|"),
        ("zrangestore s z (1 3 byscore limit 0 1", ":1|"),
        ("zrange s 0 -1 withscores", "*2|$1|b|$1|2|"),
        ("zrangestore z z 0 0 rev", ":1|"),
        ("zrange z 0 -1", "*1|$1|c|"),
    ]);
}

#[test]
fn stored_ranges_keep_negative_zeros_as_valkey_does() {
    let long = "l".repeat(70);
    let steps = [
        (format!("zadd z 1 a 2 {long} 3 c"), ":3|".to_owned()),
        ("zunionstore z 1 z weights -0".into(), ":3|".into()),
        ("zrangestore d z 0 -1 rev".into(), ":3|".into()),
        (
            "zrange d 0 -1 withscores".into(),
            format!("*6|$1|a|$2|-0|$1|c|$2|-0|$70|{long}|$2|-0|"),
        ),
        ("zrangestore d z 0 -1".into(), ":3|".into()),
        (
            "zrange d 0 -1 withscores".into(),
            format!("*6|$1|a|$1|0|$1|c|$1|0|$70|{long}|$2|-0|"),
        ),
    ];
    let steps: Vec<(&str, &str)> = steps.iter().map(|(line, reply)| (&**line, &**reply)).collect();
    check(&steps);
}

#[test]
fn removes_by_name_and_range() {
    check(&[
        ("rpush s x", ":1|"),
        ("zadd z 1 a 2 b 3 c 4 d 5 e", ":5|"),
        ("zrem nol a", ":0|"),
        ("zrem s a", WRONG),
        ("zrem z nope a", ":1|"),
        ("zremrangebyrank z a b", "-ERR value is not an integer or out of range|"),
        ("zremrangebyrank s a b", "-ERR value is not an integer or out of range|"),
        ("zremrangebyrank s 0 1", WRONG),
        ("zremrangebyrank z 0 0", ":1|"),
        ("zremrangebyscore z a b", "-ERR min or max is not a float|"),
        ("zremrangebyscore z 2 2", ":0|"),
        ("zremrangebylex z a b", "-ERR min or max not valid string range item|"),
        ("zremrangebylex z [c [c", ":1|"),
        ("zremrangebyrank z 5 9", ":0|"),
        ("zremrangebyscore z (4 +inf", ":1|"),
        ("zrange z 0 -1", "*1|$1|d|"),
        ("zadd z 0 x 0 y 0 z 0 d", ":3|"),
        ("zremrangebylex z (x [y", ":1|"),
        ("zrange z 0 -1", "*3|$1|d|$1|x|$1|z|"),
        ("zremrangebyrank z -2 -1", ":2|"),
        ("zremrangebyscore z -inf inf", ":1|"),
        ("zcard z", ":0|"),
    ]);
}

#[test]
fn scores_are_pairs_in_resp3() {
    let mut bench = Bench::new();
    bench.resp = Resp::V3;
    bench.check(&[
        ("zadd z 1 a 2.5 b", ":2|"),
        ("zscore z b", ",2.5|"),
        ("zadd z incr 1 a", ",2|"),
        ("zrange z 0 -1 withscores", "*2|*2|$1|a|,2|*2|$1|b|,2.5|"),
        ("zrange z 0 -1", "*2|$1|a|$1|b|"),
        ("zrank z a withscore", "*2|:0|,2|"),
        ("zrank z no withscore", "_|"),
        ("zmscore z a no", "*2|,2|_|"),
    ]);
}

#[test]
fn tells_what_happened_in_valkeys_order() {
    let events = Bench::new().events_of(
        "zadd z 1 a 2 b
        zadd z 1 a
        zadd z xx gt 1 a
        zadd z incr 1 a
        zincrby z 0 a
        zrem z no
        zrem z a
        zremrangebyrank z 5 6
        zremrangebyscore z 0 inf
        zadd z 1 a 2 b
        zremrangebylex z - +
        zadd z 1 a 2 b
        zrangestore d z 0 0
        zrangestore d z 5 6
        zrangestore d z 5 6
        zremrangebyrank z 0 -1",
    );
    assert_eq!(
        events,
        "zadd z, zincr z, zrem z, zremrangebyscore z, del z, zadd z, zremrangebylex z, del z, zadd z, zrangestore d, \
         del d, zremrangebyrank z, del z"
    );
}

#[test]
fn pops_from_either_end() {
    check(&[
        ("rpush s x", ":1|"),
        ("zadd z 1 a 2 b 3 c", ":3|"),
        ("zpopmin z 1 2", "-ERR syntax error|"),
        ("zpopmin z abc", "-ERR value is out of range, must be positive|"),
        ("zpopmin z -1", "-ERR value is out of range, must be positive|"),
        ("zpopmin nol", "*0|"),
        ("zpopmin nol abc", "-ERR value is out of range, must be positive|"),
        ("zpopmin nol 0", "*0|"),
        ("zpopmin s", WRONG),
        ("zpopmin s 0", WRONG),
        ("zpopmin z 0", "*0|"),
        ("zpopmin z", "*2|$1|a|$1|1|"),
        ("zpopmax z 2", "*4|$1|c|$1|3|$1|b|$1|2|"),
        ("zadd z 1 a 2 b 3 c", ":3|"),
        ("zmpop 0 z min", "-ERR numkeys should be greater than 0|"),
        ("zmpop 1 z foo", "-ERR syntax error|"),
        ("zmpop 1 z min count 0", "-ERR count should be greater than 0|"),
        ("zmpop 1 nol min", "*-1|"),
        ("zmpop 2 nol z min count 2", "*2|$1|z|*2|*2|$1|a|$1|1|*2|$1|b|$1|2|"),
        ("zmpop 2 s z min", WRONG),
        ("bzpopmin nol abc", "-ERR timeout is not a float or out of range|"),
        ("bzpopmin s 1", WRONG),
        ("bzpopmin z 1", "*3|$1|z|$1|c|$1|3|"),
        ("bzmpop abc abc nol min", "-ERR numkeys should be greater than 0|"),
        ("bzmpop -1 1 nol foo", "-ERR syntax error|"),
        ("bzmpop -1 1 nol min", "-ERR timeout is negative|"),
        ("zadd z 1 a 2 b 3 c", ":3|"),
        ("bzmpop 1 1 z max count 2", "*2|$1|z|*2|*2|$1|c|$1|3|*2|$1|b|$1|2|"),
        ("zadd z 1 a 2 b", ":1|"),
        ("zpopmax z 9", "*4|$1|b|$1|2|$1|a|$1|1|"),
        ("zcard z", ":0|"),
    ]);
}

#[test]
fn combines_sorted_sets_and_sets() {
    check(&[
        ("rpush s x", ":1|"),
        ("zadd z 1 a 2 b 3 c", ":3|"),
        ("zadd y 1 a 2 b 3 d", ":3|"),
        ("zadd st 1 a 1 b 1 q", ":3|"),
        ("zunion a z", "-ERR value is not an integer or out of range|"),
        (
            "zunion 0 z",
            "-ERR at least 1 input key is needed for 'zunion' command|",
        ),
        (
            "zunion -1 z",
            "-ERR at least 1 input key is needed for 'zunion' command|",
        ),
        ("zunion 3 z y", "-ERR syntax error|"),
        ("zunion 2 z s", WRONG),
        ("zunion 2 z s weights a", WRONG),
        ("zunion 2 z y weights 1", "-ERR syntax error|"),
        ("zunion 2 z y weights 1 a", "-ERR weight value is not a float|"),
        ("zunion 2 z y weights 1 2 aggregate foo", "-ERR syntax error|"),
        (
            "zunion 2 z y weights 1 2 aggregate max withscores",
            "*8|$1|a|$1|2|$1|c|$1|3|$1|b|$1|4|$1|d|$1|6|",
        ),
        (
            "zunion 2 z st withscores",
            "*8|$1|q|$1|1|$1|a|$1|2|$1|b|$1|3|$1|c|$1|3|",
        ),
        ("zunion 2 z y aggregate", "-ERR syntax error|"),
        (
            "zunion 2 z y withscores withscores",
            "*8|$1|a|$1|2|$1|c|$1|3|$1|d|$1|3|$1|b|$1|4|",
        ),
        ("zunion 1 nol", "*0|"),
        (
            "zunionstore d 0 z",
            "-ERR at least 1 input key is needed for 'zunionstore' command|",
        ),
        ("zunionstore d 2 z y withscores", "-ERR syntax error|"),
        ("zunionstore d 2 z y", ":4|"),
        ("zunionstore d 1 nol", ":0|"),
        ("exists d", ":0|"),
        ("zinter 2 z y withscores", "*4|$1|a|$1|2|$1|b|$1|4|"),
        ("zinter 2 z st withscores", "*4|$1|a|$1|2|$1|b|$1|3|"),
        ("zinter 2 z nol withscores", "*0|"),
        ("zinterstore d 2 z y aggregate min", ":2|"),
        ("zdiff 2 z y withscores", "*2|$1|c|$1|3|"),
        ("zdiff 2 z y weights 1 1", "-ERR syntax error|"),
        ("zdiff 2 nol y", "*0|"),
        ("zdiffstore d 2 z y", ":1|"),
        (
            "zdiffstore d 0 z y",
            "-ERR at least 1 input key is needed for 'zdiffstore' command|",
        ),
        ("zunion 2 z y withscores", "*8|$1|a|$1|2|$1|c|$1|3|$1|d|$1|3|$1|b|$1|4|"),
        ("zinter 2 z y", "*2|$1|a|$1|b|"),
        ("zdiff 2 z y", "*1|$1|c|"),
        ("zadd i1 inf a", ":1|"),
        ("zadd i2 -inf a", ":1|"),
        ("zunion 2 i1 i2 withscores", "*2|$1|a|$1|0|"),
        ("zinter 2 i1 i2 withscores", "*2|$1|a|$1|0|"),
        ("zunion 1 i1 weights 0 withscores", "*2|$1|a|$1|0|"),
        ("zinter 1 i1 weights 0 withscores", "*2|$1|a|$1|0|"),
        ("zunion 2 i1 i1 weights 0 0 withscores", "*2|$1|a|$1|0|"),
        ("zunionstore z 3 z y z weights 1 2 3 aggregate min", ":4|"),
        (
            "zrange z 0 -1 withscores",
            "*8|$1|a|$1|1|$1|b|$1|2|$1|c|$1|3|$1|d|$1|6|",
        ),
        (
            "zinter 3 z y st weights 2 -1 0.5 aggregate max withscores",
            "*4|$1|a|$1|2|$1|b|$1|4|",
        ),
        ("zdiff 3 y z st withscores", "*0|"),
        ("zdiff 2 y y", "*0|"),
        ("zunionstore nope 1 nol", ":0|"),
    ]);
}

#[test]
fn counts_what_an_intersection_would_hold() {
    check(&[
        ("zadd z 1 a 2 b 3 c", ":3|"),
        ("zadd y 1 a 2 b 3 d", ":3|"),
        (
            "zintercard 0 z",
            "-ERR at least 1 input key is needed for 'zintercard' command|",
        ),
        ("zintercard a z", "-ERR value is not an integer or out of range|"),
        ("zintercard 2 z y", ":2|"),
        ("zintercard 2 z y limit 1", ":1|"),
        ("zintercard 2 z y limit -1", "-ERR LIMIT can't be negative|"),
        ("zintercard 2 z y limit 0", ":2|"),
        ("zintercard 2 z y limit a", "-ERR LIMIT can't be negative|"),
        ("zintercard 2 z y limit", "-ERR syntax error|"),
        ("zintercard 2 z y limit 1 limit 1", ":1|"),
        ("zintercard 3 z y", "-ERR syntax error|"),
    ]);
}

#[test]
fn draws_and_scans() {
    check(&[
        ("rpush s x", ":1|"),
        ("zadd z 3 c", ":1|"),
        ("zrandmember nol", "$-1|"),
        ("zrandmember nol 1", "*0|"),
        ("zrandmember nol a", "-ERR value is not an integer or out of range|"),
        ("zrandmember nol 1 foo", "-ERR syntax error|"),
        ("zrandmember nol a foo", "-ERR value is not an integer or out of range|"),
        ("zrandmember nol 1 withscores foo", "-ERR syntax error|"),
        ("zrandmember nol 9223372036854775807", "*0|"),
        (
            "zrandmember nol 9223372036854775807 withscores",
            "-ERR value is out of range|",
        ),
        (
            "zrandmember nol -9223372036854775808",
            "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807|",
        ),
        (
            "zrandmember z 4611686018427387904 withscores",
            "-ERR value is out of range|",
        ),
        ("zrandmember z 0", "*0|"),
        ("zrandmember s", WRONG),
        ("zrandmember z 5 withscores", "*2|$1|c|$1|3|"),
        ("zrandmember z 4611686018427387904", "*1|$1|c|"),
        ("zscan z abc", "-ERR invalid cursor|"),
        ("zscan nol abc", "-ERR invalid cursor|"),
        ("zscan nol 0", "*2|$1|0|*0|"),
        ("zscan nol 0 foo", "*2|$1|0|*0|"),
        ("zscan s 0", WRONG),
        ("zscan s 0 foo", WRONG),
        ("zscan z 0 foo", "-ERR syntax error|"),
        ("zscan z 0 count 0", "-ERR syntax error|"),
        ("zscan z 0 count a", "-ERR value is not an integer or out of range|"),
        ("zscan z 0 match", "-ERR syntax error|"),
        ("zscan z 0 noscores", "*2|$1|0|*1|$1|c|"),
        ("zscan z 0", "*2|$1|0|*2|$1|c|$1|3|"),
        ("zscan z 0 match [ab]", "*2|$1|0|*0|"),
        ("zscan z 0 novalues", "-ERR NOVALUES option can only be used in HSCAN|"),
        ("zscan z -1", "-ERR invalid cursor|"),
        ("zscan z 18446744073709551615", "*2|$1|0|*2|$1|c|$1|3|"),
        ("zscan z 18446744073709551616", "-ERR invalid cursor|"),
        ("zscan z 5", "*2|$1|0|*2|$1|c|$1|3|"),
        ("zrandmember z", "$1|c|"),
        ("zrandmember nol", "$-1|"),
        ("zscan z 0", "*2|$1|0|*2|$1|c|$1|3|"),
        ("zrandmember z -3 withscores", "*6|$1|c|$1|3|$1|c|$1|3|$1|c|$1|3|"),
    ]);
}

#[test]
fn popped_and_combined_members_are_pairs_in_resp3() {
    let mut bench = Bench::new();
    bench.resp = Resp::V3;
    bench.check(&[
        ("zadd z 1 a 2 b 3 c 4 d 5 e", ":5|"),
        ("zpopmin z", "*2|$1|a|,1|"),
        ("zpopmax z 1", "*1|*2|$1|e|,5|"),
        ("zmpop 1 z min", "*2|$1|z|*1|*2|$1|b|,2|"),
        ("bzpopmin z 1", "*3|$1|z|$1|c|,3|"),
        ("zunion 1 z withscores", "*1|*2|$1|d|,4|"),
        ("zscan z 0", "*2|$1|0|*2|$1|d|$1|4|"),
        ("zrandmember z -1 withscores", "*1|*2|$1|d|,4|"),
        ("bzmpop 1 1 z max count 2", "*2|$1|z|*1|*2|$1|d|,4|"),
        ("zpopmin z 2", "*0|"),
        ("zmpop 1 z min", "_|"),
    ]);
}

#[test]
fn tells_of_pops_and_stores() {
    let events = Bench::new().events_of(
        "zadd z 1 a 2 b 3 c
        zpopmin z
        zpopmin z 0
        zpopmax z 9
        zadd z 1 a 2 b 3 c
        zmpop 1 z max
        bzpopmin z 0
        bzmpop 0 1 z min
        zadd z 1 a
        zunionstore d 1 z
        zinterstore d 2 z nol
        zdiffstore d 1 z
        zdiffstore d 1 nol
        zdiffstore d 1 nol",
    );
    assert_eq!(
        events,
        "zadd z, zpopmin z, zpopmax z, del z, zadd z, zpopmax z, zpopmin z, zpopmin z, del z, zadd z, zunionstore d, \
         del d, zdiffstore d, del d"
    );
}

#[test]
fn draws_differ_when_they_must() {
    let mut bench = Bench::new();
    bench.run("zadd z 1 a 2 b 3 c 4 d 5 e");
    for _ in 0..50 {
        let drawn = bench.run("zrandmember z 4");
        let mut names: Vec<&str> = drawn.split('|').filter(|word| word.len() == 1).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 4, "{drawn}");
    }
}

#[test]
fn a_large_set_counts_offsets_below_zero_from_the_far_end() {
    let mut bench = Bench::new();
    bench.config.zset_max_listpack_entries = 3;
    bench.check(&[
        ("zadd z 1 a 2 b 3 c 4 d 5 e 6 f", ":6|"),
        ("object encoding z", "$8|skiplist|"),
        ("zrangebyscore z 2 5 limit -1 10", "*1|$1|e|"),
        ("zrangebyscore z 2 5 limit -3 2", "*2|$1|c|$1|d|"),
        ("zrangebyscore z 2 5 limit -4 2", "*2|$1|b|$1|c|"),
        ("zrangebyscore z 2 5 limit -5 2", "*0|"),
        ("zrevrangebyscore z 5 2 limit -2 10", "*2|$1|c|$1|b|"),
        ("zrevrangebyscore z 5 2 limit -5 10", "*0|"),
        ("zrevrangebyscore z 5 2 limit 1 1", "*1|$1|d|"),
        ("zrangebyscore z 2 5 limit -9223372036854775808 10", "*0|"),
        ("zrangebyscore z 2 5 limit 1 0", "*0|"),
        ("zrevrangebyscore z 5 2 limit 1 0", "*0|"),
    ]);
}

#[test]
fn encodings_follow_the_limits_and_large_scans_print_17_digits() {
    let mut bench = Bench::new();
    bench.config.zset_max_listpack_entries = 3;
    bench.check(&[
        ("zadd z 1 a 2 b", ":2|"),
        ("object encoding z", "$8|listpack|"),
        ("zadd z 1 a 1 a 1 a 1 a", ":0|"),
        ("object encoding z", "$8|skiplist|"),
        ("zadd small 5.15 a", ":1|"),
        ("zscan small 0", "*2|$1|0|*2|$1|a|$4|5.15|"),
        ("zunionstore z 1 z", ":2|"),
        ("object encoding z", "$8|listpack|"),
        ("zadd z 3 c 4 d", ":2|"),
        ("zremrangebyrank z 0 2", ":3|"),
        ("zincrby z 1.15 d", "$4|5.15|"),
        ("zscan z 0", "*2|$1|0|*2|$1|d|$18|5.1500000000000004|"),
    ]);
}
