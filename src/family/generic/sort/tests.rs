//! SORT against replies and events of Valkey 9.1.2.

use crate::base::collation::Collation;
use crate::catalog;
use crate::command::args::OwnedArgs;
use crate::command::{Exec, Flags};
use crate::family::testing::{Bench, check_script};
use crate::keyspace::Entry;
use crate::types::List;
use crate::types::list::End;

#[test]
fn numbers_and_texts_are_ordered() {
    check_script(
        "
        rpush l 3 1 2                => :3| ! rpush l
        sort l                       => *3|$1|1|$1|2|$1|3|
        sort_ro l desc               => *3|$1|3|$1|2|$1|1|
        sort l limit 1 1             => *1|$1|2|
        sort l by nosort desc        => *3|$1|2|$1|1|$1|3|
        sort l by w_* by nosort      => *3|$1|3|$1|1|$1|2|
        sort l by # limit 1 9        => *2|$1|1|$1|2|
        rpush words b a 10 9 B       => :5| ! rpush words
        sort words                   => -ERR One or more scores can't be converted into double|
        sort words alpha             => *5|$2|10|$1|9|$1|B|$1|a|$1|b|
        rpush odd 5. .5 +1 -1e1 infinity => :5| ! rpush odd
        sort odd                     => *5|$4|-1e1|$2|.5|$2|+1|$2|5.|$8|infinity|
        rpush zero \"1\\x002\" 0       => :2| ! rpush zero
        sort zero limit 0 1          => *1|$1|0|
        sort none                    => *0|
        set s x                      => +OK| ! set s
        sort s                       => -WRONGTYPE Operation against a key holding the wrong kind of value|
        sort s nonsense              => -ERR syntax error|
        sort l limit 1               => -ERR syntax error|
        sort l limit 1 x             => -ERR value is not an integer or out of range|
        sort l by                    => -ERR syntax error|
        sort_ro l store d            => -ERR syntax error|
        ",
    );
}

#[test]
fn other_keys_decide_the_order_and_are_told() {
    check_script(
        "
        rpush l 1 2 3                => :3| ! rpush l
        mset w_1 30 w_2 20 w_3 10    => +OK| ! set w_1, set w_2, set w_3
        hset h_1 f 5                 => :1| ! hset h_1
        hset h_2 f 7                 => :1| ! hset h_2
        sort l by w_*                => *3|$1|3|$1|2|$1|1|
        sort l by w_* limit 1 2      => *2|$1|2|$1|1|
        sort l by h_*->f             => *3|$1|3|$1|1|$1|2|
        sort l get # get h_*->f get fixed get h_* => *12|$1|1|$1|5|$-1|$-1|$1|2|$1|7|$-1|$-1|$1|3|$-1|$-1|$-1|
        sort l by w_* alpha          => *3|$1|3|$1|2|$1|1|
        sort l by h_*->f alpha       => *3|$1|3|$1|1|$1|2|
        set w_2 x                    => +OK| ! set w_2
        sort l by w_* store d        => -ERR One or more scores can't be converted into double|
        sort l get h_*->f store d    => :3| ! sortstore d
        lrange d 0 -1                => *3|$1|5|$1|7|$0||
        sort none store d            => :0| ! del d
        sort none store d            => :0|
        sort l store w_1 store l     => :3| ! sortstore l
        ",
    );
}

#[test]
fn sets_and_sorted_sets_have_orders_of_their_own() {
    check_script(
        "
        sadd s c a b                 => :3| ! sadd s
        sort s by nosort store d     => :3| ! sortstore d
        lrange d 0 -1                => *3|$1|a|$1|b|$1|c|
        zadd z 1 c 2 a 3 b           => :3| ! zadd z
        sort z by nosort             => *3|$1|c|$1|a|$1|b|
        sort z by nosort desc        => *3|$1|b|$1|a|$1|c|
        sort z by nosort limit 1 1   => *1|$1|a|
        sort z by nosort desc limit 0 2 => *2|$1|b|$1|a|
        sort z by nosort limit 7 2   => *0|
        sort z alpha desc            => *3|$1|c|$1|b|$1|a|
        object encoding z            => $8|skiplist|
        ",
    );
}

#[test]
fn the_locale_orders_what_is_answered_but_not_what_is_stored() {
    let mut bench = Bench::new();
    bench.config.locale_collate = Collation::new("C").expect("every system has it");
    bench.check(&[
        (r#"rpush l "x\x00b" "x\x00a""#, ":2|"),
        // The C library sees nothing behind the zero byte: these are equal, and stay as they are.
        ("sort l alpha", "*2|$3|x\0b|$3|x\0a|"),
        ("sort l alpha store d", ":2|"),
        ("lrange d 0 -1", "*2|$3|x\0a|$3|x\0b|"),
    ]);
}

#[test]
fn what_is_touched_follows_from_elements_and_patterns() {
    let mut list = List::new();
    [b"1", b"2"].iter().for_each(|item| list.push(End::Right, *item));
    let entry = Entry::new(b"l", list);
    let touched = |line: &str| {
        let words = OwnedArgs::from_words(line.split(' ').map(str::as_bytes));
        let command = catalog::find(words.as_args().at(0)).expect("the command exists");
        let Exec::Roaming { touches, .. } = command.exec else {
            panic!("it touches what it does not name")
        };
        assert!(command.roams() && command.flags.has(Flags::WRITE));
        let mut keys = Vec::new();
        let look = |key: &[u8]| (key == b"l").then_some(&entry);
        touches(words.as_args(), &look, &mut |key| {
            keys.push(String::from_utf8_lossy(key).into_owned());
        });
        keys.join(" ")
    };
    assert_eq!(touched("sort l by w_* get # get h_*->f"), "w_1 h_1 w_2 h_2");
    assert_eq!(touched("sort l by nosort get x"), "");
    assert_eq!(touched("sort l by w_* by nosort get a*b"), "a1b a2b");
    assert_eq!(touched("sort none by w_*"), "");
    assert_eq!(touched("sort l by w_* nonsense"), "");
}
