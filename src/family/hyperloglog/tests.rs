//! The HyperLogLog commands against replies and events of Valkey 9.1.2.

use crate::family::testing::check_script;

#[test]
fn elements_are_counted() {
    check_script(
        r#"
        pfadd h             => :1| ! pfadd h
        strlen h            => :18|
        pfdebug decode h    => $7|Z:16384|
        object encoding h   => $3|raw|
        pfadd h             => :0|
        pfcount h           => :0|
        pfadd h a b c       => :1| ! pfadd h
        pfadd h a b c       => :0|
        pfadd h c d         => :1| ! pfadd h
        pfcount h           => :4|
        pfcount h           => :4|
        strlen h            => :30|
        pfdebug decode h    => $57|Z:7292 v:1,1 Z:1143 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603|
        pfdebug encoding h  => +sparse|
        pfdebug DECODE none => -ERR The specified key does not exist|
        pfdebug nope h      => -ERR Unknown PFDEBUG subcommand 'nope'|
        pfdebug nope none   => -ERR The specified key does not exist|
        pfdebug nope        => -ERR wrong number of arguments for 'pfdebug' command|
        pfdebug todense h   => :1|
        pfdebug todense h   => :0|
        pfdebug encoding h  => +dense|
        pfdebug decode h    => -ERR HLL encoding is not sparse|
        strlen h            => :12304|
        pfcount h           => :4|
        pfadd h a           => :0|
        pfadd h e           => :1| ! pfadd h
        pfcount h           => :5|
        pfadd k x y         => :1| ! pfadd k
        pfcount h k none    => :7|
        pfcount none        => :0|
        pfcount none none2  => :0|
        pfmerge d h k       => +OK| ! pfadd d
        pfcount d           => :7|
        pfdebug encoding d  => +dense|
        pfmerge s k none    => +OK| ! pfadd s
        pfdebug encoding s  => +sparse|
        pfdebug decode s    => $30|Z:14932 v:3,1 Z:1441 v:2,1 z:9|
        pfmerge s           => +OK| ! pfadd s
        pfmerge new         => +OK| ! pfadd new
        strlen new          => :18|
        pfcount new         => :0|
        pfadd new "" ""     => :1| ! pfadd new
        pfcount new         => :1|
        pfmerge k h         => +OK| ! pfadd k
        pfdebug encoding k  => +dense|
        pfcount k           => :7|
        "#,
    );
}

#[test]
fn what_is_no_hyperloglog_is_refused() {
    check_script(
        r#"
        rpush l x          => :1| ! rpush l
        set i 12           => +OK| ! set i
        set s abc          => +OK| ! set s
        set y "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" => +OK| ! set y
        set d "HYLL\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" => +OK| ! set d
        set e "HYLL\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff" => +OK| ! set e
        set c "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xfe" => +OK| ! set c
        set v "HYLL\x01\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x7f\xfe" => +OK| ! set v
        pfadd l a          => -WRONGTYPE Operation against a key holding the wrong kind of value|
        pfadd i a          => -WRONGTYPE Key is not a valid HyperLogLog string value.|
        pfadd s a          => -WRONGTYPE Key is not a valid HyperLogLog string value.|
        pfadd y a          => -WRONGTYPE Key is not a valid HyperLogLog string value.|
        pfadd d a          => -WRONGTYPE Key is not a valid HyperLogLog string value.|
        pfadd e a          => -WRONGTYPE Key is not a valid HyperLogLog string value.|
        pfcount l          => -WRONGTYPE Operation against a key holding the wrong kind of value|
        pfcount none l     => -WRONGTYPE Operation against a key holding the wrong kind of value|
        pfcount i          => -WRONGTYPE Key is not a valid HyperLogLog string value.|
        pfcount s k        => -WRONGTYPE Key is not a valid HyperLogLog string value.|
        pfmerge new l      => -WRONGTYPE Operation against a key holding the wrong kind of value|
        exists new         => :0|
        pfmerge new s      => -WRONGTYPE Key is not a valid HyperLogLog string value.|
        pfmerge l          => -WRONGTYPE Operation against a key holding the wrong kind of value|
        pfmerge i new      => -WRONGTYPE Key is not a valid HyperLogLog string value.|
        pfdebug encoding s => -WRONGTYPE Key is not a valid HyperLogLog string value.|
        pfdebug encoding l => -WRONGTYPE Operation against a key holding the wrong kind of value|
        pfcount c          => -INVALIDOBJ Corrupted HLL object detected|
        pfcount c none     => -INVALIDOBJ Corrupted HLL object detected|
        pfmerge new c      => -INVALIDOBJ Corrupted HLL object detected|
        pfdebug todense c  => -INVALIDOBJ Corrupted HLL object detected|
        pfdebug getreg c   => -INVALIDOBJ Corrupted HLL object detected|
        pfdebug decode c   => $7|Z:16383|
        pfadd c a          => :1| ! pfadd c
        pfcount v          => :5|
        object encoding v  => $3|raw|
        pfcount v none     => -INVALIDOBJ Corrupted HLL object detected|
        "#,
    );
}
