//! Expiry of fields, against replies and events of Valkey 9.1.2.

use crate::family::testing::{Bench, check_script};

#[test]
fn fields_get_and_lose_an_expiry() {
    check_script(
        "
        set s x                                   => +OK| ! set s
        hset h a 1 b 2 c 3                        => :3| ! hset h
        hexpire h 10                              => -ERR wrong number of arguments for 'hexpire' command|
        hexpire h 10 fields 1 a                   => *1|:1| ! hexpire h
        hexpire h abc fields 1 a                  => -ERR value is not an integer or out of range|
        hexpire h 10 nx fields 1 a                => *1|:0|
        hexpire h 10 xx fields 2 a b              => *2|:1|:0| ! hexpire h
        hexpire h 5 gt fields 2 a b               => *2|:0|:0|
        hexpire h 5 lt fields 2 a b               => *2|:1|:1| ! hexpire h
        hexpire h 5 foo fields 2 a b              => -ERR Unsupported option foo|
        hexpire h 5 fields 2 a                    => -ERR numfields should be greater than 0 and match the provided number of fields|
        hexpire h 5 fields 1 a b                  => -ERR numfields should be greater than 0 and match the provided number of fields|
        hexpire h 5 fields 0 a                    => -ERR numfields should be greater than 0 and match the provided number of fields|
        hexpire h 5 fields -1 a                   => -ERR numfields should be greater than 0 and match the provided number of fields|
        hexpire h 5 fields abc a                  => -ERR value is not an integer or out of range|
        hexpire h 5 nx xx fields 1 a              => -ERR NX and XX, GT or LT options at the same time are not compatible|
        hexpire h 5 gt lt fields 1 a              => -ERR GT and LT options at the same time are not compatible|
        hexpire h 5 fields 1 a nx                 => -ERR numfields should be greater than 0 and match the provided number of fields|
        hexpire none 5 fields 1 a                 => *1|:-2|
        hexpire s 5 fields 1 a                    => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hexpire s abc fields 1 a                  => -ERR value is not an integer or out of range|
        hexpire none abc fields 1 a               => -ERR value is not an integer or out of range|
        hexpire h 100 fields 3 a z c              => *3|:1|:-2|:1| ! hexpire h
        hexpire h -1 fields 1 a                   => -ERR invalid expire time in 'hexpire' command|
        hexpire h 0 fields 1 a                    => *1|:2| ! hexpired h
        hexpire h 0 fields 2 b zz                 => *2|:2|:-2| ! hexpired h
        hset h a 1 b 2                            => :2| ! hset h
        hexpire h 9223372036854775807 fields 1 a  => -ERR invalid expire time in 'hexpire' command|
        hexpire h 9223372036854775 fields 1 a     => -ERR invalid expire time in 'hexpire' command|
        hpexpire h 9223372036854775807 fields 1 a => -ERR invalid expire time in 'hpexpire' command|
        hexpireat h 1 fields 3 a b a              => *3|:2|:2|:-2| ! hexpired h
        hset h a 1 b 2                            => :2| ! hset h
        httl h fields 4 a b c z                   => *4|:-1|:-1|:100|:-2|
        hpttl none fields 2 a b                   => *2|:-2|:-2|
        httl s fields 1 a                         => -WRONGTYPE Operation against a key holding the wrong kind of value|
        httl h                                    => -ERR wrong number of arguments for 'httl' command|
        httl h fields 1                           => -ERR wrong number of arguments for 'httl' command|
        httl h fields 2 a                         => -ERR syntax error|
        httl h fields 1 a b                       => -ERR syntax error|
        httl h foo 1 a                            => -ERR syntax error|
        httl h fields abc a                       => -ERR value is not an integer or out of range|
        httl h fields 0 a                         => -ERR syntax error|
        httl none fields 0 a                      => -ERR syntax error|
        hexpire h 100 fields 2 a a                => *2|:1|:1| ! hexpire h
        hpersist h fields 3 a b z                 => *3|:1|:-1|:-2| ! hpersist h
        hpersist none fields 2 a b                => *2|:-2|:-2|
        hpersist s fields 1 a                     => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hpersist h fields 2 a                     => -ERR numfields should be greater than 0 and match the provided number of fields|
        hpersist h foo 2 a b                      => -ERR syntax error|
        hpersist h fields 1 a                     => *1|:-1|
        hexpireat h 33177117420 fields 1 a        => *1|:1| ! hexpire h
        hexpiretime h fields 3 a b z              => *3|:33177117420|:-1|:-2|
        hpexpiretime h fields 3 a b z             => *3|:33177117420000|:-1|:-2|
        hpexpireat h 33177117420500 fields 1 a    => *1|:1| ! hexpire h
        hexpiretime h fields 1 a                  => *1|:33177117421|
        hexpireat h 1 fields 5 a b c z a          => *5|:2|:2|:2|:-2|:-2| ! hexpired h, del h
        exists h                                  => :0|
        hset h a 1                                => :1| ! hset h
        hexpireat h 1 fields 1 a                  => *1|:2| ! hexpired h, del h
        exists h                                  => :0|
        ",
    );
}

#[test]
fn values_are_read_and_their_expiry_changed() {
    check_script(
        "
        set s x                                    => +OK| ! set s
        hset h a 1 b 2 c 3                         => :3| ! hset h
        hgetex h fields 1 a                        => *1|$1|1|
        hgetex h fields 2 a z                      => *2|$1|1|$-1|
        hgetex h fields 3 a z                      => -ERR numfields should be greater than 0 and match the provided number of fields|
        hgetex h fields 0 a                        => -ERR numfields should be greater than 0 and match the provided number of fields|
        hgetex h fields x a                        => -ERR value is not an integer or out of range|
        hgetex h fields 1 a b                      => -ERR numfields should be greater than 0 and match the provided number of fields|
        hgetex h ex 10 fields 2 a z                => *2|$1|1|$-1| ! hexpire h
        hgetex h ex 10 px 10 fields 1 a            => -ERR syntax error|
        hgetex h ex 0 fields 1 a                   => *1|$1|1| ! hexpired h
        hgetex h ex -1 fields 1 a                  => -ERR invalid expire time in 'hgetex' command|
        hgetex h ex abc fields 1 a                 => -ERR value is not an integer or out of range|
        hgetex h exat 1 fields 2 a b               => *2|$-1|$1|2| ! hexpired h
        hgetex h px 9223372036854775807 fields 1 c => -ERR invalid expire time in 'hgetex' command|
        hgetex h ex 9223372036854775807 fields 1 c => -ERR invalid expire time in 'hgetex' command|
        hgetex h persist fields 1 c                => *1|$1|3|
        hgetex h ex 100 fields 1 c                 => *1|$1|3| ! hexpire h
        hgetex h persist fields 2 c z              => *2|$1|3|$-1| ! hpersist h
        hgetex h persist ex 10 fields 1 c          => -ERR syntax error|
        hgetex h keepttl fields 1 c                => -ERR syntax error|
        hgetex h fields 1 c ex 10                  => -ERR numfields should be greater than 0 and match the provided number of fields|
        hgetex none ex 10 fields 2 a b             => *2|$-1|$-1|
        hgetex s ex 10 fields 1 a                  => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hgetex none ex abc fields 2 a b            => -ERR value is not an integer or out of range|
        hgetex h foo fields 1 c                    => -ERR syntax error|
        hgetex h ex fields 1 c                     => -ERR syntax error|
        hgetex h ex 10                             => -ERR wrong number of arguments for 'hgetex' command|
        hgetex h                                   => -ERR wrong number of arguments for 'hgetex' command|
        hgetex h exat 1 fields 1 c                 => *1|$1|3| ! hexpired h, del h
        exists h                                   => :0|
        ",
    );
}

#[test]
fn fields_are_set_with_conditions_and_expiry() {
    check_script(
        "
        set s x                                      => +OK| ! set s
        hsetex h fields 1 a 1                        => :1| ! hset h
        hsetex h fields 2 a 1 b 2                    => :1| ! hset h
        hsetex h ex 10 fields 2 a 1 b 2              => :1| ! hset h, hexpire h
        httl h fields 2 a b                          => *2|:10|:10|
        hsetex h fields 1 a 2                        => :1| ! hset h
        httl h fields 2 a b                          => *2|:-1|:10|
        hsetex h keepttl fields 1 b 3                => :1| ! hset h
        httl h fields 2 a b                          => *2|:-1|:10|
        hsetex h keepttl fields 1 n 3                => :1| ! hset h
        httl h fields 1 n                            => *1|:-1|
        hsetex h nx fields 1 a 2                     => :0|
        hsetex h2 xx fields 1 a 2                    => :0|
        hsetex h2 nx fields 1 a 2                    => :1| ! hset h2
        hsetex h xx fields 1 a 5                     => :1| ! hset h
        hsetex h fnx fields 2 a 1 q 2                => :0|
        hsetex h fxx fields 2 a 1 q 2                => :0|
        hsetex h fnx fields 2 q 1 r 2                => :1| ! hset h
        hsetex h fxx fields 2 q 3 r 4                => :1| ! hset h
        hsetex h fxx fnx fields 2 q 3 r 4            => -ERR syntax error|
        hsetex h nx xx fields 1 a 1                  => -ERR syntax error|
        hsetex h nx nx fields 1 a 1                  => :0|
        hsetex h ex 10 keepttl fields 1 a 1          => -ERR syntax error|
        hsetex h ex 10 px 10 fields 1 a 1            => -ERR syntax error|
        hsetex h ex 0 fields 1 a 1                   => :1| ! hset h, hexpire h, hexpired h
        hsetex h ex -5 fields 1 a 1                  => -ERR invalid expire time in 'hsetex' command|
        hsetex h ex abc fields 1 a 1                 => -ERR value is not an integer or out of range|
        hsetex h exat 1 fields 1 a 1                 => :1| ! hset h, hexpire h, hexpired h
        hsetex h exat 1 fields 1 new 1               => :1| ! hset h, hexpire h, hexpired h
        hsetex h3 exat 1 fields 1 new 1              => :1| ! hset h3, hexpire h3, hexpired h3, del h3
        exists h3                                    => :0|
        hsetex h4 exat 1 nx fnx fields 2 new 1 old 2 => :1| ! hset h4, hexpire h4, hexpired h4, del h4
        exists h4                                    => :0|
        hsetex h fields 1 a                          => -ERR wrong number of arguments for 'hsetex' command|
        hsetex h fields 2 a 1                        => -ERR numfields should be greater than 0 and match the provided number of fields|
        hsetex h fields 1 a 1 b                      => -ERR numfields should be greater than 0 and match the provided number of fields|
        hsetex h fields 1 a 1 b 2                    => -ERR numfields should be greater than 0 and match the provided number of fields|
        hsetex h fields 0 a 1                        => -ERR numfields should be greater than 0 and match the provided number of fields|
        hsetex h fields abc a 1                      => -ERR value is not an integer or out of range|
        hsetex h fields -1 a 1                       => -ERR numfields should be greater than 0 and match the provided number of fields|
        hsetex s fields 1 a 1                        => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hsetex s ex abc fields 1 a 1                 => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hsetex s nx fields 1 a 1                     => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hsetex h foo fields 1 a 1                    => -ERR syntax error|
        hsetex h persist fields 1 a 1                => -ERR syntax error|
        hsetex h fields 1 a 1 ex 10                  => -ERR numfields should be greater than 0 and match the provided number of fields|
        hsetex none xx fields 1 a 1                  => :0|
        hsetex none fxx fields 1 a 1                 => :0|
        exists none                                  => :0|
        hsetex none fnx fields 1 a 1                 => :1| ! hset none
        hsetex h ex fields 1 a 1                     => -ERR syntax error|
        hsetex h ex 10 a b c                         => -ERR numfields should be greater than 0 and match the provided number of fields|
        hsetex h ex 10 fields 2 a 1 a 2              => :1| ! hset h, hexpire h
        hget h a                                     => $1|2|
        httl h fields 1 a                            => *1|:10|
        hgetdel h fields 1 a                         => *1|$1|2| ! hdel h
        hgetdel h fields 3 b b z                     => *3|$1|3|$-1|$-1| ! hdel h
        hgetdel h fields 0 a                         => -ERR numfields should be greater than 0 and match the provided number of fields|
        hgetdel h fields 2 a                         => -ERR numfields should be greater than 0 and match the provided number of fields|
        hgetdel h fields x a                         => -ERR value is not an integer or out of range|
        hgetdel h foo 1 a                            => -ERR syntax error|
        hgetdel none fields 2 a b                    => *2|$1|1|$-1| ! hdel none, del none
        hgetdel s fields 1 a                         => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hgetdel h fields 3 n q r                     => *3|$1|3|$1|3|$1|4| ! hdel h, del h
        exists h                                     => :0|
        hgetdel h2 fields 1 a b                      => -ERR numfields should be greater than 0 and match the provided number of fields|
        hgetdel h2                                   => -ERR wrong number of arguments for 'hgetdel' command|
        hgetdel h2 fields 1                          => -ERR wrong number of arguments for 'hgetdel' command|
        ",
    );
}

#[test]
fn of_several_errors_the_first_is_told() {
    check_script(
        "
        set s x                                       => +OK| ! set s
        hset h a 1 b 2                                => :2| ! hset h
        hexpire h 5 foo fields 2 a                    => -ERR Unsupported option foo|
        hexpire h abc foo fields 1 a                  => -ERR Unsupported option foo|
        hexpire h abc fields 2 a                      => -ERR numfields should be greater than 0 and match the provided number of fields|
        hexpire h abc foo 1 a                         => -ERR numfields should be greater than 0 and match the provided number of fields|
        hexpire s 5 foo fields 1 a                    => -ERR Unsupported option foo|
        hexpire s abc foo fields 1 a                  => -ERR Unsupported option foo|
        hexpire s -1 fields 1 a                       => -ERR invalid expire time in 'hexpire' command|
        hexpire none -1 fields 1 a                    => -ERR invalid expire time in 'hexpire' command|
        hexpire h -1 foo fields 1 a                   => -ERR Unsupported option foo|
        hexpire h -1 fields 2 a                       => -ERR numfields should be greater than 0 and match the provided number of fields|
        hexpire h -1 nx xx fields 1 a                 => -ERR NX and XX, GT or LT options at the same time are not compatible|
        hexpire h abc nx xx fields 1 a                => -ERR NX and XX, GT or LT options at the same time are not compatible|
        hexpire s 1 fields x a                        => -ERR value is not an integer or out of range|
        hexpire h 5 foo fields x a                    => -ERR Unsupported option foo|
        hexpire s 1 fields 5 a                        => -ERR numfields should be greater than 0 and match the provided number of fields|
        hexpire none 5 foo fields 1 a                 => -ERR Unsupported option foo|
        hexpire h 5 foo bar fields 1 a                => -ERR Unsupported option foo|
        hexpire h 5 nx foo fields 1 a                 => -ERR Unsupported option foo|
        hexpire h 5 nx gt foo fields 1 a              => -ERR Unsupported option foo|
        hgetex h foo fields 5 a                       => -ERR syntax error|
        hgetex h ex abc fields 5 a                    => -ERR numfields should be greater than 0 and match the provided number of fields|
        hgetex s foo fields 1 a                       => -ERR syntax error|
        hgetex s fields 5 a                           => -ERR numfields should be greater than 0 and match the provided number of fields|
        hgetex s ex -1 fields 1 a                     => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hgetex none ex -1 fields 1 a                  => -ERR invalid expire time in 'hgetex' command|
        hgetex h ex abc foo fields 1 a                => -ERR syntax error|
        hgetex h foo ex abc fields 1 a                => -ERR syntax error|
        hgetex h ex 10 ex 20 fields 1 a               => *1|$1|1| ! hexpire h
        hgetex h persist persist fields 1 a           => *1|$1|1| ! hpersist h
        hgetex h ex 10 10 fields 1 a                  => -ERR syntax error|
        hgetex h foo 1 a                              => -ERR numfields should be greater than 0 and match the provided number of fields|
        hgetex h foo fields x a                       => -ERR syntax error|
        hgetex h nx fields 1 a                        => -ERR syntax error|
        hsetex h foo fields 5 a 1                     => -ERR syntax error|
        hsetex h ex abc fields 5 a 1                  => -ERR numfields should be greater than 0 and match the provided number of fields|
        hsetex h ex -1 fields 5 a 1                   => -ERR numfields should be greater than 0 and match the provided number of fields|
        hsetex h foo fields x a 1                     => -ERR syntax error|
        hsetex s foo fields 1 a 1                     => -ERR syntax error|
        hsetex s fields 5 a 1                         => -ERR numfields should be greater than 0 and match the provided number of fields|
        hsetex s fields x a 1                         => -ERR value is not an integer or out of range|
        hsetex s ex -1 fields 1 a 1                   => -WRONGTYPE Operation against a key holding the wrong kind of value|
        hsetex s a b c d                              => -ERR numfields should be greater than 0 and match the provided number of fields|
        hsetex h ex -1 foo fields 1 a 1               => -ERR syntax error|
        hsetex h ex abc foo fields 1 a 1              => -ERR syntax error|
        hsetex h foo ex abc fields 1 a 1              => -ERR syntax error|
        hsetex h fnx fnx keepttl keepttl fields 1 a 1 => :0|
        hsetex h nx ex abc fields 1 a 1               => :0|
        hsetex h fnx ex -1 fields 1 a 1               => -ERR invalid expire time in 'hsetex' command|
        hgetdel s foo 1 a                             => -ERR syntax error|
        hgetdel s fields 2 a                          => -ERR numfields should be greater than 0 and match the provided number of fields|
        hgetdel s fields x a                          => -ERR value is not an integer or out of range|
        hgetdel h foo x a                             => -ERR syntax error|
        httl s foo 1 a                                => -ERR syntax error|
        httl s fields 2 a                             => -ERR syntax error|
        httl s fields x a                             => -ERR value is not an integer or out of range|
        httl h foo x a                                => -ERR syntax error|
        hpersist s fields x a                         => -ERR value is not an integer or out of range|
        hpersist h foo x a                            => -ERR syntax error|
        hpersist h fields 0 a                         => -ERR numfields should be greater than 0 and match the provided number of fields|
        hpersist none foo 1 a                         => -ERR syntax error|
        hpersist h fields x a                         => -ERR value is not an integer or out of range|
        ",
    );
}

#[test]
fn expired_fields_are_there_for_hlen_only() {
    let mut bench = Bench::new();
    bench.check_script(
        "
        hset h a 1 b 2 c 3       => :3| ! hset h
        object encoding h        => $8|listpack|
        hpexpire h 30 fields 1 a => *1|:1| ! hexpire h
        object encoding h        => $9|hashtable|
        ",
    );
    bench.advance_ms(50);
    bench.check_script(
        "
        hlen h                    => :3|
        hget h a                  => $-1|
        hmget h a b               => *2|$-1|$1|2|
        hexists h a               => :0|
        hstrlen h a               => :0|
        httl h fields 1 a         => *1|:-2|
        hpersist h fields 1 a     => *1|:-2|
        hexpire h 100 fields 1 a  => *1|:-2|
        hgetex h ex 10 fields 1 a => *1|$-1|
        hgetdel h fields 1 a      => *1|$-1|
        hlen h                    => :3|
        hdel h a                  => :0|
        hlen h                    => :3|
        hset h a 5                => :1| ! hexpired h, hset h
        hlen h                    => :3|
        httl h fields 1 a         => *1|:-1|
        hpexpire h 30 fields 1 a  => *1|:1| ! hexpire h
        ",
    );
    bench.advance_ms(50);
    bench.check_script(
        "
        hlen h                   => :3|
        hsetnx h a 9             => :1| ! hexpired h, hset h
        httl h fields 1 a        => *1|:-1|
        hpexpire h 30 fields 1 a => *1|:1| ! hexpire h
        ",
    );
    bench.advance_ms(50);
    bench.check_script(
        "
        hincrby h a 7                => :7| ! hexpired h, hincrby h
        httl h fields 1 a            => *1|:-1|
        hexpire h 100 fields 1 a     => *1|:1| ! hexpire h
        hincrby h a 1                => :8| ! hincrby h
        httl h fields 1 a            => *1|:100|
        hincrbyfloat h a 1.5         => $3|9.5| ! hincrbyfloat h
        httl h fields 1 a            => *1|:100|
        hset h a 1                   => :0| ! hset h
        httl h fields 1 a            => *1|:-1|
        hexpire h 100 fields 1 a     => *1|:1| ! hexpire h
        hsetnx h a 1                 => :0|
        httl h fields 1 a            => *1|:100|
        hmset h a 1                  => +OK| ! hset h
        httl h fields 1 a            => *1|:-1|
        hpexpire h 30 fields 3 a b c => *3|:1|:1|:1| ! hexpire h
        ",
    );
    bench.advance_ms(50);
    bench.check_script(
        "
        hlen h                   => :3|
        exists h                 => :1|
        type h                   => +hash|
        hgetall h                => *0|
        hrandfield h -3 => *0|
        hrandfield h -3 withvalues => *0|
        hrandfield h 5           => *0|
        hkeys h                  => *0|
        object encoding h        => $9|hashtable|
        hscan h 0                => *2|$1|0|*0|
        hsetex h nx fields 1 x 1 => :0|
        hset h new 1             => :1| ! hset h
        hlen h                   => :4|
        hgetall h                => *2|$3|new|$1|1|
        hdel h a                 => :0|
        hdel h a b c             => :0|
        hlen h                   => :4|
        hdel h new               => :1| ! hdel h
        exists h                 => :1|
        ",
    );
}

#[test]
fn fields_that_are_set_anew_have_expired() {
    let mut bench = Bench::new();
    bench.check_script(
        "
        hset h a 1 b 2           => :2| ! hset h
        hdel h a                 => :1| ! hdel h
        hpexpire h 30 fields 1 b => *1|:1| ! hexpire h
        ",
    );
    bench.advance_ms(50);
    bench.check_script(
        "
        hincrby h b 1            => :1| ! hexpired h, hincrby h
        httl h fields 1 b        => *1|:-1|
        hpexpire h 30 fields 1 b => *1|:1| ! hexpire h
        ",
    );
    bench.advance_ms(50);
    bench.check_script(
        "
        hset h b 1               => :1| ! hexpired h, hset h
        hpexpire h 30 fields 1 b => *1|:1| ! hexpire h
        ",
    );
    bench.advance_ms(50);
    bench.check_script(
        "
        hsetex h ex 10 fields 1 b 3 => :1| ! hexpired h, hset h, hexpire h
        hpexpire h 30 fields 1 b    => *1|:1| ! hexpire h
        ",
    );
    bench.advance_ms(50);
    bench.check_script(
        "
        hsetex h fnx keepttl fields 1 b 3 => :1| ! hexpired h, hset h
        httl h fields 1 b                 => *1|:-1|
        hpexpire h 30 fields 1 b          => *1|:1| ! hexpire h
        ",
    );
    bench.advance_ms(50);
    bench.check_script(
        "
        hsetex h fxx fields 1 b 3     => :0|
        hsetex h keepttl fields 1 b 3 => :1| ! hexpired h, hset h
        httl h fields 1 b             => *1|:-1|
        copy h h5                     => :1| ! copy_to h5
        hexpire h 100 fields 1 b      => *1|:1| ! hexpire h
        copy h h6                     => :1| ! copy_to h6
        httl h6 fields 1 b            => *1|:100|
        rename h6 h7                  => +OK| ! rename_from h6, rename_to h7
        httl h7 fields 1 b            => *1|:100|
        object encoding h7            => $9|hashtable|
        hset h z 1                    => :1| ! hset h
        hpersist h fields 1 b         => *1|:1| ! hpersist h
        object encoding h             => $9|hashtable|
        ",
    );
}

#[test]
fn conditions_and_encodings() {
    check_script(
        "
        hset h a 1 b 2 c 3                          => :3| ! hset h
        hexpire h 10 xx fields 1 a                  => *1|:0|
        object encoding h                           => $8|listpack|
        hexpireat h 1 nx fields 1 a                 => *1|:2| ! hexpired h
        object encoding h                           => $8|listpack|
        hpersist h fields 1 b                       => *1|:-1|
        hgetex h persist fields 1 b                 => *1|$1|2|
        hgetex h fields 1 b                         => *1|$1|2|
        object encoding h                           => $8|listpack|
        hsetex h keepttl fields 1 b 5               => :1| ! hset h
        object encoding h                           => $8|listpack|
        hsetex h fields 1 b 5                       => :1| ! hset h
        object encoding h                           => $8|listpack|
        hexpire h 100 fields 1 b                    => *1|:1| ! hexpire h
        hexpireat h 1 nx fields 2 b c               => *2|:0|:2| ! hexpired h
        hexpire h 200 nx nx fields 1 b              => *1|:0|
        hexpire h 200 nx lt fields 1 b              => -ERR NX and XX, GT or LT options at the same time are not compatible|
        hexpire h 200 xx gt fields 1 b              => *1|:1| ! hexpire h
        hexpire h 200 xx lt fields 2 b c            => *2|:0|:-2|
        hset h c 3 d 4                              => :2| ! hset h
        hexpire h 200 lt fields 1 c                 => *1|:1| ! hexpire h
        hexpire h 200 gt fields 1 d                 => *1|:0|
        hexpire h 200 fields                        => -ERR wrong number of arguments for 'hexpire' command|
        hexpire h 200 fields 1                      => -ERR wrong number of arguments for 'hexpire' command|
        hexpire h 200 nx fields 1                   => -ERR numfields should be greater than 0 and match the provided number of fields|
        hexpire h 200 nx fields 1 fields 1 b        => -ERR numfields should be greater than 0 and match the provided number of fields|
        hexpire h 200 fields 1 fields               => *1|:-2|
        hexpire h 200 FIELDS 1 d NX                 => -ERR numfields should be greater than 0 and match the provided number of fields|
        hexpire h 200 b c d                         => -ERR numfields should be greater than 0 and match the provided number of fields|
        hexpire h 200 fields 99999999999999999999 d => -ERR value is not an integer or out of range|
        hexpire h 200 fields 9223372036854775807 d  => -ERR numfields should be greater than 0 and match the provided number of fields|
        hexpire h 200 fields 4294967297 d           => -ERR numfields should be greater than 0 and match the provided number of fields|
        hgetex h fields 4294967297 d                => -ERR numfields should be greater than 0 and match the provided number of fields|
        httl h fields 4294967297 d                  => -ERR syntax error|
        hgetex s ex abc fields 1 a                  => -ERR value is not an integer or out of range|
        ",
    );
}

#[test]
fn expired_fields_count_once() {
    let mut bench = Bench::new();
    bench.check_script(
        "
        hset h b 1 c 2 d 3           => :3| ! hset h
        hpexpire h 30 fields 3 b c d => *3|:1|:1|:1| ! hexpire h
        ",
    );
    bench.advance_ms(50);
    bench.check_script(
        "
        hset h b 1 c 2 b 3         => :2| ! hexpired h, hset h
        hlen h                     => :3|
        hpexpire h 30 fields 2 b c => *2|:1|:1| ! hexpire h
        ",
    );
    bench.advance_ms(50);
    bench.check_script(
        "
        hset h x 1 b 1 y 1              => :3| ! hexpired h, hset h
        hpexpireat h 1 fields 4 b c d x => *4|:2|:-2|:-2|:2| ! hexpired h
        hgetall h                       => *2|$1|y|$1|1|
        hlen h                          => :3|
        hpexpire h 30 fields 1 y        => *1|:1| ! hexpire h
        ",
    );
    bench.advance_ms(50);
    bench.check_script(
        "
        hexpireat h 1 fields 1 y => *1|:-2|
        hgetdel h fields 1 y     => *1|$-1|
        hlen h                   => :3|
        hset h z abc             => :1| ! hset h
        hpexpire h 30 fields 1 z => *1|:1| ! hexpire h
        ",
    );
    bench.advance_ms(50);
    bench.check_script(
        "
        hincrby h z 1            => :1| ! hexpired h, hincrby h
        hpexpire h 30 fields 1 z => *1|:1| ! hexpire h
        ",
    );
    bench.advance_ms(50);
    bench.check_script(
        "
        hincrbyfloat h z 1       => $1|1| ! hexpired h, hincrbyfloat h
        hpexpire h 30 fields 1 z => *1|:1| ! hexpire h
        ",
    );
    bench.advance_ms(50);
    bench.check_script(
        "
        hincrby h z abc => -ERR value is not an integer or out of range|
        hlen h          => :4|
        ",
    );
}

#[test]
fn expiries_at_the_edges() {
    check_script(
        "
        hset h f v                                   => :1| ! hset h
        hexpire h 100 fields 1 f                     => *1|:1| ! hexpire h
        hexpire h 100 xx fields 1 f                  => *1|:1| ! hexpire h
        hexpire h 100 nx fields 1 f                  => *1|:0|
        hgetex h fields 1 f                          => *1|$1|v|
        hsetex h nx fnx ex 10 fields 1 a 1           => :0|
        hsetex n ex 10 fnx nx fields 1 a 1           => :1| ! hset n, hexpire n
        hsetex n ex 10 fields 1 b 1 nx               => -ERR numfields should be greater than 0 and match the provided number of fields|
        hsetex n nx                                  => -ERR wrong number of arguments for 'hsetex' command|
        hsetex n ex 10 fields                        => -ERR wrong number of arguments for 'hsetex' command|
        hsetex n ex 10 fields 1                      => -ERR numfields should be greater than 0 and match the provided number of fields|
        hsetex n ex 10 nx xx b c                     => -ERR numfields should be greater than 0 and match the provided number of fields|
        hsetex n a b c d                             => -ERR numfields should be greater than 0 and match the provided number of fields|
        hsetex n ex 10 fxx fields 1 a 1              => :1| ! hset n, hexpire n
        hsetex n ex 10 nx fields 1 a 1               => :0|
        hsetex n pxat 33177117420500 xx fields 1 a 1 => :1| ! hset n, hexpire n
        hpexpiretime n fields 1 a                    => *1|:33177117420500|
        hsetex n px 0 fields 1 zz 1                  => :1| ! hset n, hexpire n, hexpired n
        hsetex n exat 0 fields 1 zz 1                => :1| ! hset n, hexpire n, hexpired n
        hsetex n exat -1 fields 1 zz 1               => -ERR invalid expire time in 'hsetex' command|
        hgetex n exat 0 fields 1 a                   => *1|$1|1| ! hexpired n, del n
        hgetex n exat -1 fields 1 zz                 => -ERR invalid expire time in 'hgetex' command|
        hexpireat n -1 fields 1 a                    => -ERR invalid expire time in 'hexpireat' command|
        hexpireat n 0 fields 1 a                     => *1|:-2|
        hpexpireat n -1 fields 1 a                   => -ERR invalid expire time in 'hpexpireat' command|
        hexpire n 999999999999999 fields 1 a         => *1|:-2|
        ",
    );
}

#[test]
fn conditions_see_no_expired_fields() {
    let mut bench = Bench::new();
    bench.check_script(
        "
        hset h a 1 b 2             => :2| ! hset h
        hpexpire h 20 fields 2 a b => *2|:1|:1| ! hexpire h
        ",
    );
    bench.advance_ms(40);
    bench.check_script(
        "
        hsetex h xx fields 1 q 1  => :1| ! hset h
        hsetex h nx fields 1 q 1  => :0|
        hsetex h fxx fields 1 a 1 => :0|
        hpexpire h 20 fields 1 q  => *1|:1| ! hexpire h
        ",
    );
    bench.advance_ms(40);
    bench.check_script(
        "
        hsetex h fnx ex 0 fields 1 a 1            => :1| ! hset h, hexpire h, hexpired h
        hlen h                                    => :2|
        hgetall h                                 => *0|
        hsetex h keepttl fnx fields 3 a 1 a 2 b 3 => :1| ! hexpired h, hset h
        hlen h                                    => :3|
        hexpire h 100 fields 1 a                  => *1|:1| ! hexpire h
        hsetex h keepttl fields 1 a 1             => :1| ! hset h
        httl h fields 1 a                         => *1|:100|
        hsetex h ex 10 fields 1 zz 1              => :1| ! hset h, hexpire h
        hsetex h ex 0 fields 2 zz 1 zy 2          => :1| ! hset h, hexpire h, hexpired h
        hgetex h ex 0 fields 4 a a b q            => *4|$1|1|$-1|$1|3|$-1| ! hexpired h
        exists h                                  => :1|
        ",
    );
}
