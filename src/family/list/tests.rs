//! The commands against replies that Valkey 9.1.2 gave.

use crate::family::testing::{Bench, check};

const WRONG: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value|";

#[test]
fn pushes_and_pops() {
    check(&[
        ("zadd s 1 x", ":1|"),
        ("rpush l a b c", ":3|"),
        ("lpush l z", ":4|"),
        ("lpushx no a", ":0|"),
        ("rpushx s a", WRONG),
        ("lpush s a", WRONG),
        ("lpop l", "$1|z|"),
        ("rpop l", "$1|c|"),
        ("lpop l abc", "-ERR value is out of range, must be positive|"),
        ("lpop no -1", "-ERR value is out of range, must be positive|"),
        ("lpop l 1 2", "-ERR wrong number of arguments for 'lpop' command|"),
        ("lpop no 1", "*-1|"),
        ("lpop no", "$-1|"),
        ("lpop no 0", "*-1|"),
        ("lpop l 0", "*0|"),
        ("rpop s 0", WRONG),
        ("rpop l 9", "*2|$1|b|$1|a|"),
        ("llen l", ":0|"),
    ]);
}

#[test]
fn pops_from_the_first_of_several() {
    check(&[
        ("zadd s 1 x", ":1|"),
        ("rpush l a b c", ":3|"),
        ("lmpop 0 l left", "-ERR numkeys should be greater than 0|"),
        ("lmpop 2 l left", "-ERR syntax error|"),
        ("lmpop 9223372036854775807 l left", "-ERR syntax error|"),
        ("lmpop 1 l left count", "-ERR syntax error|"),
        ("lmpop 1 l left count 0", "-ERR count should be greater than 0|"),
        ("lmpop 1 l left count 1 count 1", "-ERR syntax error|"),
        ("lmpop 1 no left", "*-1|"),
        ("lmpop 2 s l left", WRONG),
        ("lmpop 2 no l right count 2", "*2|$1|l|*2|$1|c|$1|b|"),
        ("blmpop abc abc no left", "-ERR numkeys should be greater than 0|"),
        ("blmpop -1 1 no foo", "-ERR syntax error|"),
        ("blmpop -1 1 no left", "-ERR timeout is negative|"),
        ("blmpop 0 1 no left", ""),
        ("blmpop 0 2 no l left", "*2|$1|l|*1|$1|a|"),
    ]);
}

#[test]
fn waits_when_there_is_nothing() {
    check(&[
        ("zadd s 1 x", ":1|"),
        ("blpop s abc", "-ERR timeout is not a float or out of range|"),
        ("blpop s 1", WRONG),
        ("blpop no -1", "-ERR timeout is negative|"),
        ("blpop no -inf", "-ERR timeout is negative|"),
        ("blpop no inf", "-ERR timeout is out of range|"),
        ("blpop no nan", "-ERR timeout is not a float or out of range|"),
        ("blpop no 9223372036854775", "-ERR timeout is out of range|"),
        ("blpop no 0", ""),
        ("rpush l a b", ":2|"),
        ("blpop no l 0", "*2|$1|l|$1|a|"),
        ("blmove no d foo right abc", "-ERR syntax error|"),
        (
            "blmove s s left right abc",
            "-ERR timeout is not a float or out of range|",
        ),
        ("blmove s s left right 1", WRONG),
        ("blmove no s left right 1", ""),
        ("brpoplpush l d 1", "$1|b|"),
        ("brpoplpush l d 1", ""),
    ]);
}

#[test]
fn moves_between_lists() {
    check(&[
        ("zadd s 1 x", ":1|"),
        ("rpush l a b c", ":3|"),
        ("rpoplpush s l", WRONG),
        ("rpoplpush no s", "$-1|"),
        ("rpoplpush l s", WRONG),
        ("lmove l l left foo", "-ERR syntax error|"),
        ("lmove l l left right", "$1|a|"),
        ("rpoplpush l d", "$1|a|"),
        ("lrange l 0 -1", "*2|$1|b|$1|c|"),
        ("lrange d 0 -1", "*1|$1|a|"),
        ("lmove d d left left", "$1|a|"),
    ]);
}

#[test]
fn reads_by_index_and_by_value() {
    check(&[
        ("zadd s 1 x", ":1|"),
        ("rpush l a b c b", ":4|"),
        ("lindex no a", "$-1|"),
        ("lindex s a", WRONG),
        ("lindex l a", "-ERR value is not an integer or out of range|"),
        ("lindex l -1", "$1|b|"),
        ("lindex l -5", "$-1|"),
        ("lindex l 4", "$-1|"),
        ("lrange s a b", "-ERR value is not an integer or out of range|"),
        ("lrange no 0 1", "*0|"),
        ("lrange l -2 99", "*2|$1|c|$1|b|"),
        (
            "lpos l b rank -9223372036854775808",
            "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807|",
        ),
        ("lpos l b count -1", "-ERR COUNT can't be negative|"),
        ("lpos l b maxlen a", "-ERR MAXLEN can't be negative|"),
        ("lpos l b rank", "-ERR syntax error|"),
        ("lpos s b foo", "-ERR syntax error|"),
        ("lpos s b", WRONG),
        ("lpos no b", "$-1|"),
        ("lpos no b count 1", "*0|"),
        ("lpos l b", ":1|"),
        ("lpos l b rank -1", ":3|"),
        ("lpos l b rank 2", ":3|"),
        ("lpos l b count 0 rank -1", "*2|:3|:1|"),
        ("lpos l b rank -2 maxlen 2", "$-1|"),
    ]);
}

#[test]
fn edits_in_the_middle() {
    check(&[
        ("zadd s 1 x", ":1|"),
        ("rpush l a b c b", ":4|"),
        ("lset no a b", "-ERR no such key|"),
        ("lset l a b", "-ERR value is not an integer or out of range|"),
        ("lset l 99 b", "-ERR index out of range|"),
        ("lset l -99 b", "-ERR index out of range|"),
        ("lset l 2147483648 b", "-ERR index out of range|"),
        ("lset l -4294967298 y", "+OK|"),
        ("lset l -2 z", "+OK|"),
        ("linsert s foo b c", "-ERR syntax error|"),
        ("linsert no before b c", ":0|"),
        ("linsert l before q c", ":-1|"),
        ("linsert l after b y", ":5|"),
        ("lrange l 0 -1", "*5|$1|a|$1|b|$1|y|$1|z|$1|b|"),
        ("lrem s a a", "-ERR value is not an integer or out of range|"),
        ("lrem l -1 b", ":1|"),
        ("lrem l 0 q", ":0|"),
        ("ltrim s 0 1", WRONG),
        ("ltrim no 0 1", "+OK|"),
        ("ltrim l 0 -1", "+OK|"),
        ("ltrim l 1 -2", "+OK|"),
        ("lrange l 0 -1", "*2|$1|b|$1|y|"),
    ]);
}

#[test]
fn tells_what_happened_in_valkeys_order() {
    let events = Bench::new().events_of(
        "rpush l a b
        lmove l d left right
        rpoplpush l d
        lpop d 0
        lrem d 0 b
        ltrim d 5 6
        rpush l a
        lset l 0 b
        linsert l before b a
        brpop l 0
        lmpop 1 l left count 9
        lpushx no a",
    );
    assert_eq!(
        events,
        "rpush l, rpush d, lpop l, lpush d, rpop l, del l, lrem d, ltrim d, del d, rpush l, lset l, linsert l, rpop l, \
         lpop l, del l"
    );
}
