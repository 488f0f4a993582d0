//! The stream commands against replies and events of Valkey 9.1.2.

mod additions;
mod progress;

use crate::family::testing::{Bench, check_script};

#[test]
fn entries_are_added_listed_and_deleted() {
    let mut bench = Bench::new();
    bench.check_script(ENTRIES_ARE_ADDED_LISTED_AND_DELETED_1);
    bench.check_script(ENTRIES_ARE_ADDED_LISTED_AND_DELETED_2);
}

const ENTRIES_ARE_ADDED_LISTED_AND_DELETED_1: &str = r"
    set s x => +OK| ! set s
    xadd s 1-1 a 1 => -WRONGTYPE Operation against a key holding the wrong kind of value|
    xadd k => -ERR wrong number of arguments for 'xadd' command|
    xadd k 1-1 a => -ERR wrong number of arguments for 'xadd' command|
    xadd k 1-1 => -ERR wrong number of arguments for 'xadd' command|
    xadd k 1-1 a 1 b => -ERR wrong number of arguments for 'xadd' command|
    xadd k 1-1 a 1 => $3|1-1| ! xadd k
    xadd k 1-1 a 2 => -ERR The ID specified in XADD is equal or smaller than the target stream top item|
    xadd k 1-0 a 2 => -ERR The ID specified in XADD is equal or smaller than the target stream top item|
    xadd k 0-0 a 2 => -ERR The ID specified in XADD must be greater than 0-0|
    xadd k 0-* a 2 => -ERR The ID specified in XADD is equal or smaller than the target stream top item|
    xadd k 1-* a 2 => $3|1-2| ! xadd k
    xadd k 1-* a 2 b 3 => $3|1-3| ! xadd k
    xadd k 5 a 2 => $3|5-0| ! xadd k
    xadd k 5-* b 2 => $3|5-1| ! xadd k
    xadd k x a 2 => -ERR Invalid stream ID specified as stream command argument|
    xadd k 1-x a 2 => -ERR Invalid stream ID specified as stream command argument|
    xadd k -1 a 2 => -ERR Invalid stream ID specified as stream command argument|
    xadd k 1- a 2 => -ERR Invalid stream ID specified as stream command argument|
    xadd k + a 1 => -ERR Invalid stream ID specified as stream command argument|
    xadd k - a 1 => -ERR Invalid stream ID specified as stream command argument|
    xadd k $ a 1 => -ERR Invalid stream ID specified as stream command argument|
    xadd k 18446744073709551616 a 1 => -ERR Invalid stream ID specified as stream command argument|
    xadd k 18446744073709551615-18446744073709551615 a 1 => $41|18446744073709551615-18446744073709551615| ! xadd k
    xadd k * a 1 => -ERR The stream has exhausted the last possible ID, unable to add more items|
    xadd k 18446744073709551615-* a 1 => -ERR The stream has exhausted the last possible ID, unable to add more items|
    xlen k => :6|
    xlen none => :0|
    xlen s => -WRONGTYPE Operation against a key holding the wrong kind of value|
    xrange k - + => *6|*2|$3|1-1|*2|$1|a|$1|1|*2|$3|1-2|*2|$1|a|$1|2|*2|$3|1-3|*4|$1|a|$1|2|$1|b|$1|3|*2|$3|5-0|*2|$1|a|$1|2|*2|$3|5-1|*2|$1|b|$1|2|*2|$41|18446744073709551615-18446744073709551615|*2|$1|a|$1|1|
    xrange k - + count 2 => *2|*2|$3|1-1|*2|$1|a|$1|1|*2|$3|1-2|*2|$1|a|$1|2|
    xrange k - + count 0 => *-1|
    xrange k - + count -1 => *-1|
    xrange k - + count x => -ERR value is not an integer or out of range|
    xrange k - + nope 2 => -ERR syntax error|
    xrange k - + count => -ERR syntax error|
    xrange k - + count 1 count 2 => *2|*2|$3|1-1|*2|$1|a|$1|1|*2|$3|1-2|*2|$1|a|$1|2|
    xrange k 5 5 => *2|*2|$3|5-0|*2|$1|a|$1|2|*2|$3|5-1|*2|$1|b|$1|2|
    xrange k (5 + => *2|*2|$3|5-1|*2|$1|b|$1|2|*2|$41|18446744073709551615-18446744073709551615|*2|$1|a|$1|1|
    xrange k (5-0 + => *2|*2|$3|5-1|*2|$1|b|$1|2|*2|$41|18446744073709551615-18446744073709551615|*2|$1|a|$1|1|
    xrange k - (5 => *5|*2|$3|1-1|*2|$1|a|$1|1|*2|$3|1-2|*2|$1|a|$1|2|*2|$3|1-3|*4|$1|a|$1|2|$1|b|$1|3|*2|$3|5-0|*2|$1|a|$1|2|*2|$3|5-1|*2|$1|b|$1|2|
    xrange k ( 5 => -ERR Invalid stream ID specified as stream command argument|
    xrange k (- + => -ERR Invalid stream ID specified as stream command argument|
    xrange k - (+ => -ERR Invalid stream ID specified as stream command argument|
    xrange k x + => -ERR Invalid stream ID specified as stream command argument|
    xrange k - 18446744073709551616 => -ERR Invalid stream ID specified as stream command argument|
    xrange k (18446744073709551615-18446744073709551615 + => -ERR invalid start ID for the interval|
    xrange k - (0 => *0|
    xrange k - (0-0 => -ERR invalid end ID for the interval|
    xrange k 6 5 => *0|
    xrange none - + => *0|
    xrange s - + => -WRONGTYPE Operation against a key holding the wrong kind of value|
    xrange none x + => -ERR Invalid stream ID specified as stream command argument|
    xrange s - + count 0 => -WRONGTYPE Operation against a key holding the wrong kind of value|
    xrange none - + count 0 => *0|
    xrevrange k + - => *6|*2|$41|18446744073709551615-18446744073709551615|*2|$1|a|$1|1|*2|$3|5-1|*2|$1|b|$1|2|*2|$3|5-0|*2|$1|a|$1|2|*2|$3|1-3|*4|$1|a|$1|2|$1|b|$1|3|*2|$3|1-2|*2|$1|a|$1|2|*2|$3|1-1|*2|$1|a|$1|1|
    xrevrange k + - count 1 => *1|*2|$41|18446744073709551615-18446744073709551615|*2|$1|a|$1|1|
    xrevrange k - + => *0|
    xrevrange k (5-1 (1-1 => *3|*2|$3|5-0|*2|$1|a|$1|2|*2|$3|1-3|*4|$1|a|$1|2|$1|b|$1|3|*2|$3|1-2|*2|$1|a|$1|2|
    xrevrange k + (+ => -ERR Invalid stream ID specified as stream command argument|
    xrevrange k 5 - => *5|*2|$3|5-1|*2|$1|b|$1|2|*2|$3|5-0|*2|$1|a|$1|2|*2|$3|1-3|*4|$1|a|$1|2|$1|b|$1|3|*2|$3|1-2|*2|$1|a|$1|2|*2|$3|1-1|*2|$1|a|$1|1|
    xrevrange k + 5 => *3|*2|$41|18446744073709551615-18446744073709551615|*2|$1|a|$1|1|*2|$3|5-1|*2|$1|b|$1|2|*2|$3|5-0|*2|$1|a|$1|2|
    xdel k 9-9 => :0|
    xdel k 1-2 1-2 5 => :2| ! xdel k
    xdel k 1-1 x => -ERR Invalid stream ID specified as stream command argument|
    xdel none 1-1 => :0|
    xdel s 1-1 => -WRONGTYPE Operation against a key holding the wrong kind of value|
    xdel k * => -ERR Invalid stream ID specified as stream command argument|
    xdel k - => -ERR Invalid stream ID specified as stream command argument|
    xdel none x => :0|
";

const ENTRIES_ARE_ADDED_LISTED_AND_DELETED_2: &str = r"
    xlen k => :4|
    xrange k - + => *4|*2|$3|1-1|*2|$1|a|$1|1|*2|$3|1-3|*4|$1|a|$1|2|$1|b|$1|3|*2|$3|5-1|*2|$1|b|$1|2|*2|$41|18446744073709551615-18446744073709551615|*2|$1|a|$1|1|
    xinfo stream k => *20|$6|length|:4|$15|radix-tree-keys|:1|$16|radix-tree-nodes|:2|$17|last-generated-id|$41|18446744073709551615-18446744073709551615|$20|max-deleted-entry-id|$3|5-0|$13|entries-added|:6|$23|recorded-first-entry-id|$3|1-1|$6|groups|:0|$11|first-entry|*2|$3|1-1|*2|$1|a|$1|1|$10|last-entry|*2|$41|18446744073709551615-18446744073709551615|*2|$1|a|$1|1|
    xadd n nomkstream 1-1 a 1 => $-1|
    xadd n nomkstream * a 1 => $-1|
    xadd s nomkstream * a 1 => -WRONGTYPE Operation against a key holding the wrong kind of value|
    xadd none nomkstream x a 1 => -ERR Invalid stream ID specified as stream command argument|
    xadd none nomkstream nomkstream 1-1 a 1 => $-1|
    xadd none nomkstream 1-1 => -ERR wrong number of arguments for 'xadd' command|
    exists n none => :0|
";

#[test]
fn adding_trims() {
    check_script(
        r"
        xadd k maxlen 2 1-1 a 1 => $3|1-1| ! xadd k
        xadd k maxlen 2 2-1 a 1 => $3|2-1| ! xadd k
        xadd k maxlen 2 3-1 a 1 => $3|3-1| ! xadd k, xtrim k
        xadd k maxlen = 2 4-1 a 1 => $3|4-1| ! xadd k, xtrim k
        xadd k maxlen ~ 2 5-1 a 1 => $3|5-1| ! xadd k
        xadd k maxlen ~ 0 6-1 a 1 => $3|6-1| ! xadd k, xtrim k
        xlen k => :0|
        xadd k maxlen ~ 0 limit 5 7-1 a 1 => $3|7-1| ! xadd k, xtrim k
        xadd k maxlen = 0 limit 5 7-1 a 1 => -ERR syntax error, LIMIT cannot be used without the special ~ option|
        xadd k maxlen 0 limit 5 7-1 a 1 => -ERR syntax error, LIMIT cannot be used without the special ~ option|
        xadd k maxlen ~ 0 limit -1 7-1 a 1 => -ERR The LIMIT argument must be >= 0.|
        xadd k maxlen ~ 0 limit x 7-1 a 1 => -ERR value is not an integer or out of range|
        xadd k maxlen -1 7-1 a 1 => -ERR The MAXLEN argument must be >= 0.|
        xadd k maxlen x 7-1 a 1 => -ERR value is not an integer or out of range|
        xadd k maxlen ~ x 7-1 a 1 => -ERR value is not an integer or out of range|
        xadd k minid x 7-1 a 1 => -ERR Invalid stream ID specified as stream command argument|
        xadd k minid - 7-1 a 1 => -ERR Invalid stream ID specified as stream command argument|
        xadd k minid 5 7-1 a 1 => -ERR The ID specified in XADD is equal or smaller than the target stream top item|
        xadd k minid = 7 8-1 a 1 => $3|8-1| ! xadd k
        xadd k minid ~ 8 limit 0 9-1 a 1 => $3|9-1| ! xadd k
        xadd k maxlen 5 minid 3 10-1 a 1 => -ERR syntax error, MAXLEN and MINID options at the same time are not compatible|
        xadd k minid 5 maxlen 3 10-1 a 1 => -ERR syntax error, MAXLEN and MINID options at the same time are not compatible|
        xadd k maxlen 5 maxlen 3 10-1 a 1 => -ERR syntax error, MAXLEN and MINID options at the same time are not compatible|
        xadd k limit 5 10-1 a 1 => -ERR syntax error, LIMIT cannot be used without specifying a trimming strategy|
        xadd k limit 5 maxlen ~ 3 10-1 a 1 => $4|10-1| ! xadd k
        xadd k maxlen => -ERR wrong number of arguments for 'xadd' command|
        xadd k maxlen ~ => -ERR wrong number of arguments for 'xadd' command|
        xadd k maxlen ~ 5 => -ERR wrong number of arguments for 'xadd' command|
        xadd k maxlen ~ 5 11-1 => -ERR wrong number of arguments for 'xadd' command|
        xadd k maxlen 0 12-1 a 1 => $4|12-1| ! xadd k, xtrim k
        xlen k => :0|
        exists k => :1|
        xadd k maxlen = 0 limit 0 13-1 a 1 => -ERR syntax error, LIMIT cannot be used without the special ~ option|
        xrange k - + => *0|
        xadd k nomkstream maxlen 1 14-1 a 1 => $4|14-1| ! xadd k
        xadd new nomkstream maxlen 1 14-1 a 1 => $-1|
        xadd new maxlen 1 x a 1 => -ERR Invalid stream ID specified as stream command argument|
        exists new => :0|
        xadd new 0-0 a 1 => -ERR The ID specified in XADD must be greater than 0-0|
        exists new => :0|
        xadd new 0 a 1 => -ERR The ID specified in XADD must be greater than 0-0|
        exists new => :0|
        xadd s2 0-* a 1 => $3|0-1| ! xadd s2
        xadd s2 0-* a 1 => $3|0-2| ! xadd s2
        xadd k2 5 maxlen 1 => $3|5-0| ! xadd k2
        xadd k2 maxlen 5 6 maxlen 1 => $3|6-0| ! xadd k2
        ",
    );
}

#[test]
fn trimming_and_last_ids() {
    check_script(
        r"
        xtrim none maxlen 1 => :0|
        xadd k 1-1 a 1 => $3|1-1| ! xadd k
        xadd k 2-1 a 1 => $3|2-1| ! xadd k
        xadd k 3-1 a 1 => $3|3-1| ! xadd k
        xadd k 4-1 a 1 => $3|4-1| ! xadd k
        xtrim k maxlen 3 => :1| ! xtrim k
        xtrim k maxlen = 3 => :0|
        xtrim k maxlen ~ 1 => :0|
        xtrim k maxlen ~ 1 limit 0 => :0|
        xtrim k maxlen ~ 0 limit 2 => :0|
        xtrim k maxlen 1 limit 2 => -ERR syntax error, LIMIT cannot be used without the special ~ option|
        xtrim k minid 3 => :1| ! xtrim k
        xtrim k minid 3 nope => -ERR syntax error|
        xtrim k nope 3 => -ERR syntax error|
        xtrim k => -ERR wrong number of arguments for 'xtrim' command|
        xtrim k maxlen => -ERR wrong number of arguments for 'xtrim' command|
        xtrim k maxlen ~ => -ERR value is not an integer or out of range|
        xtrim k maxlen 1 minid 3 => -ERR syntax error, MAXLEN and MINID options at the same time are not compatible|
        xtrim k maxlen -1 => -ERR The MAXLEN argument must be >= 0.|
        xtrim k maxlen ~ 5 limit => -ERR syntax error|
        xtrim k limit 5 => -ERR syntax error, LIMIT cannot be used without specifying a trimming strategy|
        xtrim none minid x => -ERR Invalid stream ID specified as stream command argument|
        set s x => +OK| ! set s
        xtrim s minid x => -ERR Invalid stream ID specified as stream command argument|
        xtrim s maxlen 1 => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xtrim k minid ~ 4 limit 10 => :0|
        xtrim k maxlen 0 => :2| ! xtrim k
        exists k => :1|
        xlen k => :0|
        xinfo stream k => *20|$6|length|:0|$15|radix-tree-keys|:0|$16|radix-tree-nodes|:1|$17|last-generated-id|$3|4-1|$20|max-deleted-entry-id|$3|0-0|$13|entries-added|:4|$23|recorded-first-entry-id|$3|0-0|$6|groups|:0|$11|first-entry|$-1|$10|last-entry|$-1|
        xrange k - + => *0|
        xsetid k 3-1 => +OK| ! xsetid k
        xsetid k 4-1 => +OK| ! xsetid k
        xsetid k 5-1 => +OK| ! xsetid k
        xsetid k 5 => +OK| ! xsetid k
        xsetid k x => -ERR Invalid stream ID specified as stream command argument|
        xsetid none 5-1 => -ERR no such key|
        xsetid s 5-1 => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xsetid k 6-1 entriesadded 10 => +OK| ! xsetid k
        xsetid k 6-1 entriesadded 10 maxdeletedid 5-1 => +OK| ! xsetid k
        xsetid k 6-1 entriesadded 10 maxdeletedid 7-1 => -ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id|
        xsetid k 6-1 maxdeletedid 3-1 entriesadded 20 => +OK| ! xsetid k
        xsetid k 6-1 maxdeletedid 3-1 => +OK| ! xsetid k
        xsetid k 6-1 entriesadded -1 => -ERR entries_added must be positive|
        xsetid k 6-1 entriesadded x => -ERR value is not an integer or out of range|
        xsetid k 6-1 entriesadded => -ERR syntax error|
        xsetid k 6-1 nope 3 => -ERR syntax error|
        xsetid k 6-1 entriesadded 20 maxdeletedid x => -ERR Invalid stream ID specified as stream command argument|
        xsetid k 6-1 entriesadded 20 maxdeletedid => -ERR syntax error|
        xsetid k 6-1 entriesadded 3 entriesadded 4 => +OK| ! xsetid k
        xinfo stream k => *20|$6|length|:0|$15|radix-tree-keys|:0|$16|radix-tree-nodes|:1|$17|last-generated-id|$3|6-1|$20|max-deleted-entry-id|$3|3-1|$13|entries-added|:4|$23|recorded-first-entry-id|$3|0-0|$6|groups|:0|$11|first-entry|$-1|$10|last-entry|$-1|
        xadd k 7-1 a 1 => $3|7-1| ! xadd k
        xsetid k 6-1 entriesadded 0 => -ERR The ID specified in XSETID is smaller than the target stream top item|
        xsetid k 8-1 entriesadded 0 => -ERR The entries_added specified in XSETID is smaller than the target stream length|
        xsetid k 8-1 entriesadded 1 maxdeletedid 9-1 => -ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id|
        xsetid none x => -ERR Invalid stream ID specified as stream command argument|
        type k => +stream|
        object encoding k => $6|stream|
        xadd k 8-2 a 1 => $3|8-2| ! xadd k
        copy k k2 => :1| ! copy_to k2
        xrange k2 - + => *2|*2|$3|7-1|*2|$1|a|$1|1|*2|$3|8-2|*2|$1|a|$1|1|
        rename k k3 => +OK| ! rename_from k, rename_to k3
        xinfo stream k2 => *20|$6|length|:2|$15|radix-tree-keys|:1|$16|radix-tree-nodes|:2|$17|last-generated-id|$3|8-2|$20|max-deleted-entry-id|$3|3-1|$13|entries-added|:6|$23|recorded-first-entry-id|$3|7-1|$6|groups|:0|$11|first-entry|*2|$3|7-1|*2|$1|a|$1|1|$10|last-entry|*2|$3|8-2|*2|$1|a|$1|1|
        xinfo stream k3 => *20|$6|length|:2|$15|radix-tree-keys|:1|$16|radix-tree-nodes|:2|$17|last-generated-id|$3|8-2|$20|max-deleted-entry-id|$3|3-1|$13|entries-added|:6|$23|recorded-first-entry-id|$3|7-1|$6|groups|:0|$11|first-entry|*2|$3|7-1|*2|$1|a|$1|1|$10|last-entry|*2|$3|8-2|*2|$1|a|$1|1|
        ",
    );
}

#[test]
fn reading_behind_ids() {
    check_script(
        r"
        xread streams k 0 => *-1|
        xread count 1 streams k => -ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified.|
        xread streams k => -ERR wrong number of arguments for 'xread' command|
        xread streams => -ERR wrong number of arguments for 'xread' command|
        xread count 1 block 0 streams => -ERR syntax error|
        xread streams k k2 0 => -ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified.|
        xread streams k k2 k3 0 0 => -ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified.|
        xread nope streams k 0 => -ERR syntax error|
        xread count x streams k 0 => -ERR value is not an integer or out of range|
        xread count -1 streams k 0 => *-1|
        xread count 0 streams k 0 => *-1|
        xread block x streams k 0 => -ERR timeout is not an integer or out of range|
        xread block -1 streams k 0 => -ERR timeout is negative|
        xread block 1.5 streams k 0 => -ERR timeout is not an integer or out of range|
        xread block 99999999999999999999 streams k 0 => -ERR timeout is not an integer or out of range|
        xread block 9223372036854775807 streams k 0 => -ERR timeout is out of range|
        xread block 1 streams k x => -ERR Invalid stream ID specified as stream command argument|
        xread streams k > => -ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.|
        xread noack streams k 0 => -ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.|
        xread group g c streams k 0 => -ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.|
        xread group g c streams k > => -ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.|
        set s x => +OK| ! set s
        xread streams s 0 => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xread streams s $ => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xread streams s + => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xread streams s x => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xadd k 1-1 a 1 => $3|1-1| ! xadd k
        xadd k 2-1 a 2 => $3|2-1| ! xadd k
        xadd k2 3-1 a 3 => $3|3-1| ! xadd k2
        xread streams k 0 => *1|*2|$1|k|*2|*2|$3|1-1|*2|$1|a|$1|1|*2|$3|2-1|*2|$1|a|$1|2|
        xread count 1 streams k 0 => *1|*2|$1|k|*1|*2|$3|1-1|*2|$1|a|$1|1|
        xread count 0 streams k 0 => *1|*2|$1|k|*2|*2|$3|1-1|*2|$1|a|$1|1|*2|$3|2-1|*2|$1|a|$1|2|
        xread count -5 streams k 0 => *1|*2|$1|k|*2|*2|$3|1-1|*2|$1|a|$1|1|*2|$3|2-1|*2|$1|a|$1|2|
        xread streams k 1 => *1|*2|$1|k|*2|*2|$3|1-1|*2|$1|a|$1|1|*2|$3|2-1|*2|$1|a|$1|2|
        xread streams k 1-1 => *1|*2|$1|k|*1|*2|$3|2-1|*2|$1|a|$1|2|
        xread streams k 2-1 => *-1|
        xread streams k $ => *-1|
        xread streams k + => *1|*2|$1|k|*1|*2|$3|2-1|*2|$1|a|$1|2|
        xread streams k - => -ERR Invalid stream ID specified as stream command argument|
        xread streams k2 + => *1|*2|$2|k2|*1|*2|$3|3-1|*2|$1|a|$1|3|
        xread streams none + => *-1|
        xread streams k k2 + + => *2|*2|$1|k|*1|*2|$3|2-1|*2|$1|a|$1|2|*2|$2|k2|*1|*2|$3|3-1|*2|$1|a|$1|3|
        xread count 0 streams k + => *1|*2|$1|k|*1|*2|$3|2-1|*2|$1|a|$1|2|
        xread streams k k2 0 0 => *2|*2|$1|k|*2|*2|$3|1-1|*2|$1|a|$1|1|*2|$3|2-1|*2|$1|a|$1|2|*2|$2|k2|*1|*2|$3|3-1|*2|$1|a|$1|3|
        xread count 1 streams k k2 none 0 0 0 => *2|*2|$1|k|*1|*2|$3|1-1|*2|$1|a|$1|1|*2|$2|k2|*1|*2|$3|3-1|*2|$1|a|$1|3|
        xread streams k s 0 0 => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xread streams k s 5 0 => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xread streams k k 0 1 => *2|*2|$1|k|*2|*2|$3|1-1|*2|$1|a|$1|1|*2|$3|2-1|*2|$1|a|$1|2|*2|$1|k|*2|*2|$3|1-1|*2|$1|a|$1|1|*2|$3|2-1|*2|$1|a|$1|2|
        xread streams k 18446744073709551615-18446744073709551615 => *-1|
        xread count 1 count 2 streams k 0 => *1|*2|$1|k|*2|*2|$3|1-1|*2|$1|a|$1|1|*2|$3|2-1|*2|$1|a|$1|2|
        xread streams k (1 => -ERR Invalid stream ID specified as stream command argument|
        xread streams k * => -ERR Invalid stream ID specified as stream command argument|
        xread block 1 streams k + => *1|*2|$1|k|*1|*2|$3|2-1|*2|$1|a|$1|2|
        xdel k 2-1 => :1| ! xdel k
        xread streams k + => *-1|
        xdel k 1-1 => :1| ! xdel k
        xread streams k + => *-1|
        xread streams k 0 => *-1|
        ",
    );
}

#[test]
fn groups_are_created_and_destroyed() {
    check_script(
        r"
        set s x => +OK| ! set s
        xgroup create k g 0 => -ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.|
        xgroup create k g $ => -ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.|
        xgroup create k g 0 mkstream => +OK| ! xgroup-create k
        xgroup create k g 0 mkstream => -BUSYGROUP Consumer Group name already exists|
        xgroup create k g x => -ERR Invalid stream ID specified as stream command argument|
        xgroup create k g x mkstream => -ERR Invalid stream ID specified as stream command argument|
        xgroup create s g 0 => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xgroup create s g 0 mkstream => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xgroup create k2 g $ mkstream entriesread 5 => +OK| ! xgroup-create k2
        xgroup create k2 g2 0 entriesread -1 => +OK| ! xgroup-create k2
        xgroup create k2 g3 0 entriesread -2 => -ERR value for ENTRIESREAD must be positive or -1|
        xgroup create k2 g3 0 entriesread x => -ERR value is not an integer or out of range|
        xgroup create k2 g3 0 entriesread => -ERR unknown subcommand or wrong number of arguments for 'create'. Try XGROUP HELP.|
        xgroup create k2 g3 0 nope => -ERR unknown subcommand or wrong number of arguments for 'create'. Try XGROUP HELP.|
        xgroup create k2 g4 - => -ERR Invalid stream ID specified as stream command argument|
        xgroup create k2 g5 5 => +OK| ! xgroup-create k2
        xgroup create k2 g6 + => -ERR Invalid stream ID specified as stream command argument|
        xgroup create k2 g7 0 mkstream mkstream => +OK| ! xgroup-create k2
        xgroup create none g7 0 entriesread 3 => -ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.|
        xinfo groups k2 => *4|*12|$4|name|$1|g|$9|consumers|:0|$7|pending|:0|$17|last-delivered-id|$3|0-0|$12|entries-read|:5|$3|lag|:0|*12|$4|name|$2|g2|$9|consumers|:0|$7|pending|:0|$17|last-delivered-id|$3|0-0|$12|entries-read|:0|$3|lag|:0|*12|$4|name|$2|g5|$9|consumers|:0|$7|pending|:0|$17|last-delivered-id|$3|5-0|$12|entries-read|:0|$3|lag|:0|*12|$4|name|$2|g7|$9|consumers|:0|$7|pending|:0|$17|last-delivered-id|$3|0-0|$12|entries-read|:0|$3|lag|:0|
        xinfo groups none => -ERR no such key|
        xinfo groups s => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xinfo groups k => *1|*12|$4|name|$1|g|$9|consumers|:0|$7|pending|:0|$17|last-delivered-id|$3|0-0|$12|entries-read|:0|$3|lag|:0|
        xgroup setid k g 0 => +OK| ! xgroup-setid k
        xgroup setid k g $ => +OK| ! xgroup-setid k
        xgroup setid k nog 0 => -NOGROUP No such consumer group 'nog' for key name 'k'|
        xgroup setid none g 0 => -ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.|
        xgroup setid s g 0 => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xgroup setid k g x => -ERR Invalid stream ID specified as stream command argument|
        xgroup setid k nog x => -NOGROUP No such consumer group 'nog' for key name 'k'|
        xgroup setid k g 5 entriesread 3 => +OK| ! xgroup-setid k
        xgroup setid k g 5 mkstream => -ERR unknown subcommand or wrong number of arguments for 'setid'. Try XGROUP HELP.|
        xgroup setid k g 5 entriesread x => -ERR value is not an integer or out of range|
        xinfo groups k => *1|*12|$4|name|$1|g|$9|consumers|:0|$7|pending|:0|$17|last-delivered-id|$3|5-0|$12|entries-read|:3|$3|lag|:0|
        xgroup createconsumer k g c => :1| ! xgroup-createconsumer k
        xgroup createconsumer k g c => :0|
        xgroup createconsumer k nog c => -NOGROUP No such consumer group 'nog' for key name 'k'|
        xgroup createconsumer none g c => -ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.|
        xgroup createconsumer s g c => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xgroup delconsumer k g c => :0| ! xgroup-delconsumer k
        xgroup delconsumer k g c => :0|
        xgroup delconsumer k nog c => -NOGROUP No such consumer group 'nog' for key name 'k'|
        xgroup delconsumer none g c => -ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.|
        xgroup delconsumer s g c => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xgroup destroy k g => :1| ! xgroup-destroy k
        xgroup destroy k g => :0|
        xgroup destroy none g => -ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.|
        xgroup destroy s g => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xgroup nope k g => -ERR unknown subcommand 'nope'. Try XGROUP HELP.|
        xgroup create k => -ERR wrong number of arguments for 'xgroup|create' command|
        xgroup => -ERR wrong number of arguments for 'xgroup' command|
        xinfo => -ERR wrong number of arguments for 'xinfo' command|
        xinfo nope k => -ERR unknown subcommand 'nope'. Try XINFO HELP.|
        ",
    );
}

#[test]
fn groups_read_and_acknowledge() {
    let mut bench = Bench::new();
    bench.check_script(GROUPS_READ_AND_ACKNOWLEDGE_1);
    bench.check_script(GROUPS_READ_AND_ACKNOWLEDGE_2);
}

const GROUPS_READ_AND_ACKNOWLEDGE_1: &str = r"
    xgroup create k g $ mkstream => +OK| ! xgroup-create k
    xadd k 1-1 a 1 => $3|1-1| ! xadd k
    xadd k 2-1 a 2 => $3|2-1| ! xadd k
    xadd k 3-1 a 3 => $3|3-1| ! xadd k
    xreadgroup group g c streams k > => *1|*2|$1|k|*3|*2|$3|1-1|*2|$1|a|$1|1|*2|$3|2-1|*2|$1|a|$1|2|*2|$3|3-1|*2|$1|a|$1|3| ! xgroup-createconsumer k
    xreadgroup group g c streams k > => *-1|
    xreadgroup group g c streams k 0 => *1|*2|$1|k|*3|*2|$3|1-1|*2|$1|a|$1|1|*2|$3|2-1|*2|$1|a|$1|2|*2|$3|3-1|*2|$1|a|$1|3|
    xreadgroup group g c count 1 streams k 0 => *1|*2|$1|k|*1|*2|$3|1-1|*2|$1|a|$1|1|
    xreadgroup group g c streams k 1-1 => *1|*2|$1|k|*2|*2|$3|2-1|*2|$1|a|$1|2|*2|$3|3-1|*2|$1|a|$1|3|
    xreadgroup group g d streams k 0 => *1|*2|$1|k|*0| ! xgroup-createconsumer k
    xreadgroup group g d streams k $ => -ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.|
    xreadgroup group g d streams k + => -ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The + ID would just return an empty result set.|
    xreadgroup group g d streams k x => -ERR Invalid stream ID specified as stream command argument|
    xreadgroup group nog d streams k > => -NOGROUP No such key 'k' or consumer group 'nog' in XREADGROUP with GROUP option|
    xreadgroup group g d streams none > => -NOGROUP No such key 'none' or consumer group 'g' in XREADGROUP with GROUP option|
    xreadgroup group g d streams none 0 => -NOGROUP No such key 'none' or consumer group 'g' in XREADGROUP with GROUP option|
    xreadgroup group g d streams k none > > => -NOGROUP No such key 'none' or consumer group 'g' in XREADGROUP with GROUP option|
    xreadgroup group g d streams k k2 > 0 => -NOGROUP No such key 'k2' or consumer group 'g' in XREADGROUP with GROUP option|
    xreadgroup streams k g d x > => -ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified.|
    xreadgroup group g streams k > => -ERR wrong number of arguments for 'xreadgroup' command|
    xreadgroup group g c nope streams k > => -ERR syntax error|
    xreadgroup count 1 noack streams k > => -ERR Missing GROUP option for XREADGROUP|
    xreadgroup nope g c streams k > => -ERR syntax error|
    xreadgroup group g c streams k => -ERR wrong number of arguments for 'xreadgroup' command|
    xreadgroup group g c noack streams k => -ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified.|
    xreadgroup group g c streams k k2 > => -ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified.|
    xreadgroup group g c block -1 streams k > => -ERR timeout is negative|
    xreadgroup group g c block x streams k > => -ERR timeout is not an integer or out of range|
    xreadgroup group g c count x streams k > => -ERR value is not an integer or out of range|
    xreadgroup group g e block 1 streams k > =>  ! xgroup-createconsumer k
    xreadgroup group g e block 1 streams k 0 => *1|*2|$1|k|*0|
    xpending k g => *4|:3|$3|1-1|$3|3-1|*1|*2|$1|c|$1|3|
    xpending k g - + 10 => *3|*4|$3|1-1|$1|c|:0|:3|*4|$3|2-1|$1|c|:0|:3|*4|$3|3-1|$1|c|:0|:3|
    xpending k g - + 1 => *1|*4|$3|1-1|$1|c|:0|:3|
    xpending k g 2 + 10 => *2|*4|$3|2-1|$1|c|:0|:3|*4|$3|3-1|$1|c|:0|:3|
    xpending k g (1-1 (3-1 10 => *1|*4|$3|2-1|$1|c|:0|:3|
    xpending k g - + 10 c => *3|*4|$3|1-1|$1|c|:0|:3|*4|$3|2-1|$1|c|:0|:3|*4|$3|3-1|$1|c|:0|:3|
    xpending k g - + 10 nobody => *0|
    xpending k g - + 0 => *0|
    xpending k g - + -1 => *0|
    xpending k g - + x => -ERR value is not an integer or out of range|
    xpending k g - + => -ERR syntax error|
    xpending k g - => -ERR syntax error|
    xpending k g x + 10 => -ERR Invalid stream ID specified as stream command argument|
    xpending k g + - 10 => *0|
    xpending k g idle 0 - + 10 => *3|*4|$3|1-1|$1|c|:0|:3|*4|$3|2-1|$1|c|:0|:3|*4|$3|3-1|$1|c|:0|:3|
    xpending k g idle 10000000 - + 10 => *0|
    xpending k g idle -1 - + 10 => *3|*4|$3|1-1|$1|c|:0|:3|*4|$3|2-1|$1|c|:0|:3|*4|$3|3-1|$1|c|:0|:3|
    xpending k g idle x - + 10 => -ERR value is not an integer or out of range|
    xpending k g idle 5 => -ERR syntax error|
    xpending k g idle 0 - + => -ERR syntax error|
    xpending k g idle 0 - + 10 c => *3|*4|$3|1-1|$1|c|:0|:3|*4|$3|2-1|$1|c|:0|:3|*4|$3|3-1|$1|c|:0|:3|
    xpending k g idle 0 - + 10 c d => -ERR syntax error|
    xpending k g - + 10 c d => *3|*4|$3|1-1|$1|c|:0|:3|*4|$3|2-1|$1|c|:0|:3|*4|$3|3-1|$1|c|:0|:3|
    xpending k g nope 0 - + 10 => -ERR value is not an integer or out of range|
    xpending k nog => -NOGROUP No such key 'k' or consumer group 'nog'|
    xpending none g => -NOGROUP No such key 'none' or consumer group 'g'|
    xpending s g => -NOGROUP No such key 's' or consumer group 'g'|
    xpending k nog - + 10 => -NOGROUP No such key 'k' or consumer group 'nog'|
    xpending k nog x + 10 => -ERR Invalid stream ID specified as stream command argument|
    xack k g 1-1 => :1|
    xack k g 1-1 2-1 9-9 => :1|
    xack k g x => -ERR Invalid stream ID specified as stream command argument|
    xack k nog 1-1 => :0|
    xack none g 1-1 => :0|
    xack none g x => :0|
    xack s g 1-1 => :0|
    xack k nog x => :0|
    xack k g 3-1 x => -ERR Invalid stream ID specified as stream command argument|
    xpending k g => *4|:1|$3|3-1|$3|3-1|*1|*2|$1|c|$1|1|
";

const GROUPS_READ_AND_ACKNOWLEDGE_2: &str = r"
    xinfo consumers k g => *3|*8|$4|name|$1|c|$7|pending|:1|$4|idle|:0|$8|inactive|:0|*8|$4|name|$1|d|$7|pending|:0|$4|idle|:0|$8|inactive|:-1|*8|$4|name|$1|e|$7|pending|:0|$4|idle|:0|$8|inactive|:-1|
    xinfo consumers k nog => -NOGROUP No such consumer group 'nog' for key name 'k'|
    xinfo consumers none g => -ERR no such key|
    xinfo groups k => *1|*12|$4|name|$1|g|$9|consumers|:3|$7|pending|:1|$17|last-delivered-id|$3|3-1|$12|entries-read|:3|$3|lag|:0|
    xadd k 4-1 a 4 => $3|4-1| ! xadd k
    xadd k 5-1 a 5 => $3|5-1| ! xadd k
    xadd k 6-1 a 6 => $3|6-1| ! xadd k
    xreadgroup group g c noack streams k > => *1|*2|$1|k|*3|*2|$3|4-1|*2|$1|a|$1|4|*2|$3|5-1|*2|$1|a|$1|5|*2|$3|6-1|*2|$1|a|$1|6|
    xpending k g => *4|:1|$3|3-1|$3|3-1|*1|*2|$1|c|$1|1|
    xinfo groups k => *1|*12|$4|name|$1|g|$9|consumers|:3|$7|pending|:1|$17|last-delivered-id|$3|6-1|$12|entries-read|:6|$3|lag|:0|
    xadd k 7-1 a 7 => $3|7-1| ! xadd k
    xreadgroup group g f count 1 streams k > => *1|*2|$1|k|*1|*2|$3|7-1|*2|$1|a|$1|7| ! xgroup-createconsumer k
    xgroup delconsumer k g f => :1| ! xgroup-delconsumer k
    xgroup delconsumer k g c => :1| ! xgroup-delconsumer k
    xpending k g => *4|:0|$-1|$-1|*-1|
    xpending k g - + 10 => *0|
    xgroup setid k g 0 => +OK| ! xgroup-setid k
    xreadgroup group g c count 2 streams k > => *1|*2|$1|k|*2|*2|$3|1-1|*2|$1|a|$1|1|*2|$3|2-1|*2|$1|a|$1|2| ! xgroup-createconsumer k
    xreadgroup group g d streams k > => *1|*2|$1|k|*5|*2|$3|3-1|*2|$1|a|$1|3|*2|$3|4-1|*2|$1|a|$1|4|*2|$3|5-1|*2|$1|a|$1|5|*2|$3|6-1|*2|$1|a|$1|6|*2|$3|7-1|*2|$1|a|$1|7|
    xdel k 1-1 => :1| ! xdel k
    xreadgroup group g c streams k 0 => *1|*2|$1|k|*2|*2|$3|1-1|*-1|*2|$3|2-1|*2|$1|a|$1|2|
    xgroup setid k g 0 => +OK| ! xgroup-setid k
    xreadgroup group g d streams k > => *1|*2|$1|k|*6|*2|$3|2-1|*2|$1|a|$1|2|*2|$3|3-1|*2|$1|a|$1|3|*2|$3|4-1|*2|$1|a|$1|4|*2|$3|5-1|*2|$1|a|$1|5|*2|$3|6-1|*2|$1|a|$1|6|*2|$3|7-1|*2|$1|a|$1|7|
    xpending k g - + 10 => *7|*4|$3|1-1|$1|c|:0|:1|*4|$3|2-1|$1|d|:0|:1|*4|$3|3-1|$1|d|:0|:1|*4|$3|4-1|$1|d|:0|:1|*4|$3|5-1|$1|d|:0|:1|*4|$3|6-1|$1|d|:0|:1|*4|$3|7-1|$1|d|:0|:1|
    xpending k g => *4|:7|$3|1-1|$3|7-1|*2|*2|$1|c|$1|1|*2|$1|d|$1|6|
    xinfo stream k full count x => -ERR value is not an integer or out of range|
    xinfo stream k full count => -ERR unknown subcommand or wrong number of arguments for 'stream'. Try XINFO HELP.|
    xinfo stream k full nope 1 => -ERR unknown subcommand or wrong number of arguments for 'stream'. Try XINFO HELP.|
    xinfo stream k nope => -ERR unknown subcommand or wrong number of arguments for 'stream'. Try XINFO HELP.|
    xinfo stream k full count 1 1 => -ERR unknown subcommand or wrong number of arguments for 'stream'. Try XINFO HELP.|
    xinfo stream none => -ERR no such key|
    xinfo stream none full => -ERR no such key|
    xinfo stream s => -ERR no such key|
    set s 1 => +OK| ! set s
    xinfo stream s => -WRONGTYPE Operation against a key holding the wrong kind of value|
    xinfo stream s full => -WRONGTYPE Operation against a key holding the wrong kind of value|
    xgroup destroy k g => :1| ! xgroup-destroy k
";

#[test]
fn claiming() {
    let mut bench = Bench::new();
    bench.check_script(CLAIMING_1);
    bench.check_script(CLAIMING_2);
}

const CLAIMING_1: &str = r"
    xgroup create k g $ mkstream => +OK| ! xgroup-create k
    xadd k 1-1 a 1 => $3|1-1| ! xadd k
    xadd k 2-1 a 2 => $3|2-1| ! xadd k
    xadd k 3-1 a 3 => $3|3-1| ! xadd k
    xadd k 4-1 a 4 => $3|4-1| ! xadd k
    xreadgroup group g c streams k > => *1|*2|$1|k|*4|*2|$3|1-1|*2|$1|a|$1|1|*2|$3|2-1|*2|$1|a|$1|2|*2|$3|3-1|*2|$1|a|$1|3|*2|$3|4-1|*2|$1|a|$1|4| ! xgroup-createconsumer k
    xclaim k g d 0 1-1 => *1|*2|$3|1-1|*2|$1|a|$1|1| ! xgroup-createconsumer k
    xclaim k g d 0 1-1 2-1 9-9 => *2|*2|$3|1-1|*2|$1|a|$1|1|*2|$3|2-1|*2|$1|a|$1|2|
    xclaim k g d 1000000 3-1 => *0|
    xclaim k g d 0 3-1 justid => *1|$3|3-1|
    xclaim k g d 0 3-1 idle 1000 retrycount 7 => *1|*2|$3|3-1|*2|$1|a|$1|3|
    xclaim k g d 0 3-1 time 1000 justid => *1|$3|3-1|
    xclaim k g d 0 3-1 time 99999999999999 justid => *1|$3|3-1|
    xclaim k g d 0 3-1 time -1 justid => *1|$3|3-1|
    xclaim k g d 0 3-1 idle -1 justid => *1|$3|3-1|
    xclaim k g d 0 3-1 retrycount -1 justid => *1|$3|3-1|
    xclaim k g d 0 3-1 retrycount x justid => -ERR Invalid RETRYCOUNT option argument for XCLAIM|
    xclaim k g d 0 3-1 idle x justid => -ERR Invalid IDLE option argument for XCLAIM|
    xclaim k g d 0 3-1 time x justid => -ERR Invalid TIME option argument for XCLAIM|
    xclaim k g d 0 3-1 idle => -ERR Unrecognized XCLAIM option 'idle'|
    xclaim k g d 0 3-1 nope => -ERR Unrecognized XCLAIM option 'nope'|
    xclaim k g d 0 3-1 nope 1 => -ERR Unrecognized XCLAIM option 'nope'|
    xclaim k g d x 3-1 => -ERR Invalid min-idle-time argument for XCLAIM|
    xclaim k g d -5 3-1 => *1|*2|$3|3-1|*2|$1|a|$1|3|
    xclaim k g d 0 x => -ERR Unrecognized XCLAIM option 'x'|
    xclaim k g d 0 justid => *0|
    xclaim k g d 0 3-1 x => -ERR Unrecognized XCLAIM option 'x'|
    xclaim k g d 0 3-1 justid x => -ERR Unrecognized XCLAIM option 'x'|
    xclaim k g d 0 9-1 force => *0|
    xclaim k g d 0 9-1 force justid => *0|
    xdel k 4-1 => :1| ! xdel k
    xclaim k g d 0 4-1 => *0|
    xpending k g - + 10 => *3|*4|$3|1-1|$1|d|:0|:3|*4|$3|2-1|$1|d|:0|:2|*4|$3|3-1|$1|d|:0|:8|
    xclaim k g newc 0 8-1 => *0| ! xgroup-createconsumer k
    xclaim k g d 0 3-1 lastid 9-9 justid => *1|$3|3-1|
    xclaim k g d 0 3-1 lastid 1-1 justid => *1|$3|3-1|
    xclaim k g d 0 3-1 lastid x justid => -ERR Invalid stream ID specified as stream command argument|
    xclaim k nog d 0 3-1 => -NOGROUP No such key 'k' or consumer group 'nog'|
    xclaim none g d 0 3-1 => -NOGROUP No such key 'none' or consumer group 'g'|
    xclaim s g d 0 3-1 => -NOGROUP No such key 's' or consumer group 'g'|
    xclaim k nog d x 3-1 => -NOGROUP No such key 'k' or consumer group 'nog'|
    xinfo groups k => *1|*12|$4|name|$1|g|$9|consumers|:3|$7|pending|:3|$17|last-delivered-id|$3|9-9|$12|entries-read|:4|$3|lag|:0|
    xinfo consumers k g => *3|*8|$4|name|$1|c|$7|pending|:0|$4|idle|:0|$8|inactive|:0|*8|$4|name|$1|d|$7|pending|:3|$4|idle|:0|$8|inactive|:0|*8|$4|name|$4|newc|$7|pending|:0|$4|idle|:0|$8|inactive|:-1|
    xack k g 2-1 => :1|
    xclaim k g d 0 2-1 => *0|
    xclaim k g d 0 2-1 force => *1|*2|$3|2-1|*2|$1|a|$1|2|
    xpending k g - + 10 => *3|*4|$3|1-1|$1|d|:0|:3|*4|$3|2-1|$1|d|:0|:2|*4|$3|3-1|$1|d|:0|:8|
    xclaim k g d 0 3-1 1-1 retrycount 0 idle 5000 force justid lastid 10-0 => *2|$3|3-1|$3|1-1|
    xautoclaim k g e 0 0 => *3|$3|0-0|*3|*2|$3|1-1|*2|$1|a|$1|1|*2|$3|2-1|*2|$1|a|$1|2|*2|$3|3-1|*2|$1|a|$1|3|*0| ! xgroup-createconsumer k
    xautoclaim k g e 0 0 count 1 => *3|$3|2-1|*1|*2|$3|1-1|*2|$1|a|$1|1|*0|
    xautoclaim k g e 0 0 count 1 justid => *3|$3|2-1|*1|$3|1-1|*0|
    xautoclaim k g e 0 - count 1 justid => *3|$3|2-1|*1|$3|1-1|*0|
    xautoclaim k g e 0 (1-1 count 1 justid => *3|$3|3-1|*1|$3|2-1|*0|
    xautoclaim k g e 0 + count 1 justid => *3|$3|0-0|*0|*0|
    xautoclaim k g e 0 x => -ERR Invalid stream ID specified as stream command argument|
    xautoclaim k g e x 0 => -ERR Invalid min-idle-time argument for XAUTOCLAIM|
    xautoclaim k g e -1 0 => *3|$3|0-0|*3|*2|$3|1-1|*2|$1|a|$1|1|*2|$3|2-1|*2|$1|a|$1|2|*2|$3|3-1|*2|$1|a|$1|3|*0|
    xautoclaim k g e 10000000 0 => *3|$3|0-0|*0|*0|
    xautoclaim k g e 0 0 count 0 => -ERR COUNT must be > 0|
    xautoclaim k g e 0 0 count -1 => -ERR COUNT must be > 0|
    xautoclaim k g e 0 0 count x => -ERR COUNT must be > 0|
    xautoclaim k g e 0 0 count => -ERR syntax error|
    xautoclaim k g e 0 0 nope => -ERR syntax error|
    xautoclaim k g e 0 0 count 99999999999999999 => -ERR Insufficient memory, failed allocating transient memory, COUNT too high.|
    xautoclaim k nog e 0 0 => -NOGROUP No such key 'k' or consumer group 'nog'|
    xautoclaim none g e 0 0 => -NOGROUP No such key 'none' or consumer group 'g'|
    xautoclaim s g e 0 0 => -NOGROUP No such key 's' or consumer group 'g'|
    xautoclaim k nog e 0 x => -ERR Invalid stream ID specified as stream command argument|
    xautoclaim k g newcons 0 100 => *3|$3|0-0|*0|*0| ! xgroup-createconsumer k
    xdel k 1-1 2-1 => :2| ! xdel k
";

const CLAIMING_2: &str = r"
    xautoclaim k g e 0 0 => *3|$3|0-0|*1|*2|$3|3-1|*2|$1|a|$1|3|*2|$3|1-1|$3|2-1|
    xautoclaim k g e 0 0 justid => *3|$3|0-0|*1|$3|3-1|*0|
    xpending k g => *4|:1|$3|3-1|$3|3-1|*1|*2|$1|e|$1|1|
    xinfo consumers k g => *5|*8|$4|name|$1|c|$7|pending|:0|$4|idle|:0|$8|inactive|:0|*8|$4|name|$1|d|$7|pending|:0|$4|idle|:0|$8|inactive|:0|*8|$4|name|$1|e|$7|pending|:1|$4|idle|:0|$8|inactive|:0|*8|$4|name|$4|newc|$7|pending|:0|$4|idle|:0|$8|inactive|:-1|*8|$4|name|$7|newcons|$7|pending|:0|$4|idle|:0|$8|inactive|:-1|
";

#[test]
fn other_types_are_refused() {
    check_script(
        r"
        set s x => +OK| ! set s
        xack s g 1-1 => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xack s g x => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xpending s g => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xpending s g - + 10 => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xclaim s g d 0 3-1 => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xautoclaim s g e 0 0 => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xgroup createconsumer s g c => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xgroup delconsumer s g c => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xgroup destroy s g => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xgroup setid s g 0 => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xinfo consumers s g => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xinfo groups s => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xreadgroup group g c streams s > => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xreadgroup group g c streams s 0 => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xreadgroup group g c streams s x => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xreadgroup group g c streams none x => -NOGROUP No such key 'none' or consumer group 'g' in XREADGROUP with GROUP option|
        ",
    );
}

#[test]
fn who_blocks_and_finds_nothing_waits() {
    let mut bench = Bench::new();
    bench.check_script(
        "
        xadd k 1-1 a 1          => $3|1-1| ! xadd k
        xgroup create k g $     => +OK| ! xgroup-create k
        ",
    );
    let waiting = [
        "xread block 1 streams none $",
        "xread block 0 streams k none $ 0",
        "xread block 1 streams k 1-1",
        "xreadgroup group g c block 1 streams k >",
    ];
    for line in waiting {
        assert_eq!(bench.run(line), "", "{line}");
    }
    assert_eq!(bench.take_events(), ["xgroup-createconsumer k"]);
}

#[test]
fn replies_in_resp3_are_maps() {
    Bench::resp3().check_script(
        "
        xadd k 1-1 a 1                            => $3|1-1| ! xadd k
        xread streams k none 0 0                  => %1|$1|k|*1|*2|$3|1-1|*2|$1|a|$1|1|
        xread streams none 0                      => _|
        xgroup create k g 0                       => +OK| ! xgroup-create k
        xreadgroup group g c streams k >          => %1|$1|k|*1|*2|$3|1-1|*2|$1|a|$1|1| ! xgroup-createconsumer k
        xreadgroup group g d streams k 0          => %1|$1|k|*0| ! xgroup-createconsumer k
        xdel k 1-1                                => :1| ! xdel k
        xreadgroup group g c streams k 0          => %1|$1|k|*1|*2|$3|1-1|_|
        xinfo groups k                            => *1|%6|$4|name|$1|g|$9|consumers|:2|$7|pending|:1|$17|last-delivered-id|$3|1-1|$12|entries-read|:1|$3|lag|:0|
        xrange k - + count 0                      => _|
        xack k g 1-1                              => :1|
        xpending k g                              => *4|:0|_|_|_|
        ",
    );
}

#[test]
fn lag_is_what_is_left_whatever_was_deleted() {
    let mut bench = Bench::new();
    for ms in 1..=9 {
        bench.run(&format!("xadd k {ms}-1 a 1"));
    }
    let progress = |bench: &mut Bench| {
        let told = bench.run("xinfo groups k");
        let (_, told) = told.split_once("|$12|entries-read|").expect("a group is told");
        told.replace("|$3|lag|", " ").trim_end_matches('|').to_owned()
    };
    let mut steps = |line: &str| {
        let reply = bench.run(line);
        assert!(!reply.starts_with('-'), "{line}: {reply}");
        progress(&mut bench)
    };
    assert_eq!(steps("xgroup create k g 0"), ":0 :9");
    assert_eq!(steps("xreadgroup group g c count 2 streams k >"), ":2 :7");
    assert_eq!(steps("xdel k 4-1 6-1"), ":2 :5");
    assert_eq!(steps("xreadgroup group g c count 2 streams k >"), ":5 :3");
    assert_eq!(steps("xtrim k maxlen 1"), ":5 :1");
    assert_eq!(steps("xreadgroup group g c count 2 streams k >"), ":9 :0");
    // Valkey 9.1.2 answers -1 or nothing where somebody said otherwise.
    assert_eq!(steps("xgroup setid k g 5-1 entriesread 20"), ":20 :1");
    assert_eq!(steps("xgroup setid k g 5-1"), ":5 :1");
    assert_eq!(steps("xgroup setid k g 3-2"), ":3 :1");
    assert_eq!(steps("xadd k 10-1 a 1"), ":3 :2");
    assert_eq!(steps("xreadgroup group g c count 1 streams k >"), ":9 :1");
}

#[test]
fn claiming_goes_on_past_what_is_not_idle() {
    let mut bench = Bench::new();
    bench.run("xgroup create k g 0 mkstream");
    for ms in 1..=40 {
        bench.run(&format!("xadd k {ms}-1 a 1"));
    }
    bench.run("xreadgroup group g c streams k >");
    bench.advance_ms(1000);
    bench.run("xclaim k g c 0 25-1 idle 5000 justid");
    bench.run("xclaim k g c 0 38-1 idle 5000 justid");
    bench.run("xdel k 3-1 39-1");
    let found = |id: &str, cursor: &str| format!("*3|${}|{cursor}|*1|$4|{id}|*0|", cursor.len());
    assert_eq!(
        bench.run("xautoclaim k g d 3000 5 count 1 justid"),
        found("25-1", "26-1")
    );
    assert_eq!(
        bench.run("xautoclaim k g d 3000 26 count 1 justid"),
        found("38-1", "39-1")
    );
    assert_eq!(
        bench.run("xautoclaim k g d 3000 39 count 1 justid"),
        "*3|$4|40-1|*0|*1|$4|39-1|"
    );
    assert_eq!(bench.run("xautoclaim k g d 3000 39 count 1 justid"), "*3|$3|0-0|*0|*0|");
    assert_eq!(bench.run("xpending k g idle 3000 - + 10"), "*0|");
    assert_eq!(
        bench.run("xpending k g idle 1000 36 + 2"),
        "*2|*4|$4|36-1|$1|c|:1000|:1|*4|$4|37-1|$1|c|:1000|:1|"
    );
    assert_eq!(
        bench.run("xpending k g - + 10 d"),
        "*2|*4|$4|25-1|$1|d|:0|:1|*4|$4|38-1|$1|d|:0|:1|"
    );
}

#[test]
fn an_id_may_come_again_once_it_is_said_so() {
    check_script(
        "
        xadd k 1-1 a 1               => $3|1-1| ! xadd k
        xadd k 2-1 a 2               => $3|2-1| ! xadd k
        xadd k 3-1 a 3               => $3|3-1| ! xadd k
        xdel k 3-1                   => :1| ! xdel k
        xsetid k 3-1 maxdeletedid 1-0 => +OK| ! xsetid k
        xsetid k 2-1                 => +OK| ! xsetid k
        xadd k 2-2 a 4               => $3|2-2| ! xadd k
        xadd k 3-1 a 5               => $3|3-1| ! xadd k
        xrange k 2 +                 => *3|*2|$3|2-1|*2|$1|a|$1|2|*2|$3|2-2|*2|$1|a|$1|4|*2|$3|3-1|*2|$1|a|$1|5|
        ",
    );
}
