//! What Redis 8.2 to 8.8 have added, as its documentation tells it.

use crate::family::testing::{Bench, check_script};

/// Two groups that have got three entries, of which `a` has acknowledged the first.
const TWO_GROUPS: &str = r"
    xadd s 1-0 f 1 => $3|1-0| ! xadd s
    xadd s 2-0 f 2 => $3|2-0| ! xadd s
    xadd s 3-0 f 3 => $3|3-0| ! xadd s
    xgroup create s a 0 => +OK| ! xgroup-create s
    xgroup create s b 0 => +OK| ! xgroup-create s
    xreadgroup group a one count 3 streams s > => *1|*2|$1|s|*3|*2|$3|1-0|*2|$1|f|$1|1|*2|$3|2-0|*2|$1|f|$1|2|*2|$3|3-0|*2|$1|f|$1|3| ! xgroup-createconsumer s
    xreadgroup group b one count 2 streams s > => *1|*2|$1|s|*2|*2|$3|1-0|*2|$1|f|$1|1|*2|$3|2-0|*2|$1|f|$1|2| ! xgroup-createconsumer s
    xack s a 1-0 => :1|
";

fn two_groups() -> Bench {
    let mut bench = Bench::new();
    bench.check_script(TWO_GROUPS);
    bench
}

#[test]
fn entries_are_deleted_with_or_without_their_references() {
    two_groups().check_script(
        r"
        xdelex s acked ids 3 1-0 2-0 3-0 => *3|:2|:2|:2|
        xack s b 1-0 => :1|
        xdelex s acked ids 3 1-0 2-0 3-0 => *3|:1|:2|:2| ! xdel s
        xdelex s ids 1 2-0 => *1|:1| ! xdel s
        xpending s a => *4|:2|$3|2-0|$3|3-0|*1|*2|$3|one|$1|2|
        xdelex s delref ids 2 2-0 3-0 => *2|:-1|:1| ! xdel s
        xpending s a => *4|:0|$-1|$-1|*-1|
        xpending s b => *4|:0|$-1|$-1|*-1|
        xlen s => :0|
        xdelex s keepref ids 1 9-0 => *1|:-1|
        xdelex none ids 2 1-0 2-0 => *2|:-1|:-1|
        xadd t 1-0 f 1 => $3|1-0| ! xadd t
        xdelex t acked ids 2 1-0 2-0 => *2|:2|:-1|
        xdelex t ids 1 1-0 delref => *1|:1| ! xdel t
        ",
    );
}

#[test]
fn entries_are_acknowledged_and_deleted() {
    two_groups().check_script(
        r"
        xackdel s a acked ids 2 1-0 2-0 => *2|:-1|:2|
        xackdel s b acked ids 2 1-0 2-0 => *2|:1|:1| ! xdel s
        xackdel s a ids 1 3-0 => *1|:1| ! xdel s
        xackdel s a ids 1 3-0 => *1|:-1|
        xpending s a => *4|:0|$-1|$-1|*-1|
        xackdel s none ids 2 1-0 2-0 => *2|:-1|:-1|
        xackdel none a ids 2 1-0 2-0 => *2|:-1|:-1|
        ",
    );
    two_groups().check_script(
        r"
        xackdel s a delref ids 3 1-0 2-0 3-0 => *3|:-1|:1|:1| ! xdel s
        xpending s b => *4|:1|$3|1-0|$3|1-0|*1|*2|$3|one|$1|1|
        xrange s - + => *1|*2|$3|1-0|*2|$1|f|$1|1|
        xdel s 1-0 => :1| ! xdel s
        xackdel s a delref ids 1 1-0 => *1|:-1|
        xpending s b => *4|:0|$-1|$-1|*-1|
        ",
    );
    two_groups().check_script(
        r"
        xackdel s a keepref ids 1 2-0 => *1|:1| ! xdel s
        xackdel s b keepref ids 1 2-0 => *1|:1|
        xpending s b => *4|:1|$3|1-0|$3|1-0|*1|*2|$3|one|$1|1|
        ",
    );
}

#[test]
fn counted_ids_are_checked() {
    check_script(
        r"
        xadd s 1-0 f 1 => $3|1-0| ! xadd s
        xgroup create s g 0 => +OK| ! xgroup-create s
        set k x => +OK| ! set k
        xdelex s ids 0 1-0 => -ERR Number of IDs must be a positive integer|
        xdelex s ids x 1-0 => -ERR Number of IDs must be a positive integer|
        xdelex s ids 3 1-0 2-0 => -ERR The `numids` parameter must match the number of arguments|
        xdelex s ids 1 1-0 2-0 => -ERR syntax error|
        xdelex s acked delref ids 1 1-0 => -ERR syntax error|
        xdelex s acked keepref 1 1-0 => -ERR syntax error|
        xdelex s ids 1 1-0 ids 1 1-0 => -ERR syntax error|
        xdelex s ids 1 x-0 => -ERR Invalid stream ID specified as stream command argument|
        xdelex s ids 1 => -ERR wrong number of arguments for 'xdelex' command|
        xdelex k ids 1 1-0 => -WRONGTYPE Operation against a key holding the wrong kind of value|
        xackdel s g ids -5 1-0 => -ERR Number of IDs must be a positive integer|
        xackdel s g ids 3 1-0 2-0 => -ERR The `numids` parameter must match the number of arguments|
        xackdel s g ids 1 1-0 2-0 => -ERR syntax error|
        xackdel s g keepref acked ids 1 1-0 => -ERR syntax error|
        xackdel s g => -ERR wrong number of arguments for 'xackdel' command|
        xackdel k g ids 1 1-0 => -WRONGTYPE Operation against a key holding the wrong kind of value|
        ",
    );
}

#[test]
fn trimming_heeds_references() {
    two_groups().check_script(
        r"
        xtrim s maxlen 0 acked => :0|
        xack s b 1-0 => :1|
        xtrim s maxlen 0 acked => :1| ! xtrim s
        xadd s maxlen = 1 acked 4-0 f 4 => $3|4-0| ! xadd s
        xlen s => :3|
        xack s a 2-0 3-0 => :2|
        xack s b 2-0 => :1|
        xtrim s acked minid 9 => :1| ! xtrim s
        xrange s - + => *2|*2|$3|3-0|*2|$1|f|$1|3|*2|$3|4-0|*2|$1|f|$1|4|
        xtrim s maxlen 1 delref keepref => -ERR syntax error|
        xtrim s maxlen 0 keepref => :2| ! xtrim s
        ",
    );
    two_groups().check_script(
        r"
        xadd s maxlen 1 delref 4-0 f 4 => $3|4-0| ! xadd s, xtrim s
        xpending s a => *4|:0|$-1|$-1|*-1|
        xpending s b => *4|:0|$-1|$-1|*-1|
        ",
    );
    // What is spared does not spare what stands behind it; without groups nothing is spared.
    check_script(
        r"
        xadd s 1-0 f 1 => $3|1-0| ! xadd s
        xadd s 2-0 f 2 => $3|2-0| ! xadd s
        xadd s 3-0 f 3 => $3|3-0| ! xadd s
        xgroup create s g 0 => +OK| ! xgroup-create s
        xreadgroup group g one streams s > => *1|*2|$1|s|*3|*2|$3|1-0|*2|$1|f|$1|1|*2|$3|2-0|*2|$1|f|$1|2|*2|$3|3-0|*2|$1|f|$1|3| ! xgroup-createconsumer s
        xack s g 2-0 3-0 => :2|
        xtrim s maxlen 2 acked => :1| ! xtrim s
        xrange s - + => *2|*2|$3|1-0|*2|$1|f|$1|1|*2|$3|3-0|*2|$1|f|$1|3|
        xgroup destroy s g => :1| ! xgroup-destroy s
        xtrim s maxlen 0 acked => :2| ! xtrim s
        ",
    );
}

#[test]
fn only_whole_nodes_are_trimmed_approximately() {
    let mut bench = Bench::new();
    bench.config.stream_node_max_entries = 10;
    (1..=35).for_each(|ms| drop(bench.run(&format!("xadd s {ms}-0 f v"))));
    bench.run("xgroup create s g 0");
    bench.run("xreadgroup group g one noack streams s >");
    bench.run("xclaim s g one 0 5-0 force justid");
    bench.take_events();
    bench.check_script(
        r"
        xtrim s maxlen ~ 6 acked limit 10 => :9| ! xtrim s
        xtrim s maxlen ~ 6 acked => :10| ! xtrim s
        xlen s => :16|
        xtrim s maxlen ~ 0 acked => :15| ! xtrim s
        xrange s - + => *1|*2|$3|5-0|*2|$1|f|$1|v|
        xack s g 5-0 => :1|
        xtrim s minid ~ 6 acked => :0|
        ",
    );
}

#[test]
fn idle_entries_are_claimed_before_new_ones_are_read() {
    let mut bench = two_groups();
    bench.advance_ms(500);
    bench.check_script(
        r"
        xreadgroup group b two count 1 claim 1000 streams s > => *1|*2|$1|s|*1|*4|$3|3-0|*2|$1|f|$1|3|:0|:0| ! xgroup-createconsumer s
        xreadgroup group b two claim 1000 streams s > => *-1|
        ",
    );
    bench.advance_ms(500);
    bench.check_script(
        r"
        xadd s 4-0 f 4 => $3|4-0| ! xadd s
        xreadgroup group b two count 1 claim 1000 streams s > => *1|*2|$1|s|*1|*4|$3|1-0|*2|$1|f|$1|1|:1000|:1|
        xreadgroup group b two claim 1000 count 2 streams s > => *1|*2|$1|s|*2|*4|$3|2-0|*2|$1|f|$1|2|:1000|:1|*4|$3|4-0|*2|$1|f|$1|4|:0|:0|
        xpending s b - + 9 => *4|*4|$3|1-0|$3|two|:0|:2|*4|$3|2-0|$3|two|:0|:2|*4|$3|3-0|$3|two|:500|:1|*4|$3|4-0|$3|two|:0|:1|
        xreadgroup group b one claim 0 count 1 streams s > => *1|*2|$1|s|*1|*4|$3|3-0|*2|$1|f|$1|3|:500|:1|
        xdel s 1-0 => :1| ! xdel s
        xreadgroup group b one noack claim 0 count 1 streams s > => *1|*2|$1|s|*1|*4|$3|2-0|*2|$1|f|$1|2|:0|:2|
        xpending s b => *4|:3|$3|2-0|$3|4-0|*2|*2|$3|one|$1|2|*2|$3|two|$1|1|
        xreadgroup group b one claim 9223372036854775807 streams s > => *-1|
        xreadgroup group b one claim 0 streams s 0 => *1|*2|$1|s|*2|*2|$3|2-0|*2|$1|f|$1|2|*2|$3|3-0|*2|$1|f|$1|3|
        xreadgroup group b one claim x streams s > => -ERR min-idle-time is not an integer|
        xreadgroup group b one claim +1 streams s > => -ERR min-idle-time is not an integer|
        xreadgroup group b one claim -1 streams s > => -ERR min-idle-time must be a positive integer|
        xreadgroup group b one claim streams s > => -ERR min-idle-time is not an integer|
        xreadgroup group none one claim 0 streams s > => -NOGROUP No such key 's' or consumer group 'none' in XREADGROUP with GROUP option|
        xread claim 0 streams s 0 => -ERR The CLAIM option is only supported by XREADGROUP. You called XREAD instead.|
        ",
    );
    let mut bench = Bench::resp3();
    bench.run("xadd s 1-0 f v");
    bench.run("xgroup create s g 0");
    assert_eq!(
        bench.run("xreadgroup group g c claim 0 streams s >"),
        "%1|$1|s|*1|*4|$3|1-0|*2|$1|f|$1|v|:0|:0|"
    );
}

#[test]
fn the_longest_idle_is_claimed_first() {
    let mut bench = two_groups();
    bench.check_script(
        r"
        xclaim s b one 0 1-0 idle 100 justid => *1|$3|1-0|
        xclaim s b one 0 2-0 idle 200 justid => *1|$3|2-0|
        xreadgroup group b two count 9 claim 50 streams s > => *1|*2|$1|s|*3|*4|$3|2-0|*2|$1|f|$1|2|:200|:1|*4|$3|1-0|*2|$1|f|$1|1|:100|:1|*4|$3|3-0|*2|$1|f|$1|3|:0|:0| ! xgroup-createconsumer s
        ",
    );
}

#[test]
fn released_entries_are_claimed_first_and_count_as_told() {
    let mut bench = two_groups();
    bench.advance_ms(100);
    bench.check_script(
        r"
        xnack s a fail ids 2 3-0 9-0 => :1|
        xnack s a silent ids 1 2-0 => :1|
        xpending s a - + 9 => *2|*4|$3|2-0|$0||:-1|:0|*4|$3|3-0|$0||:-1|:1|
        xpending s a => *4|:2|$3|2-0|$3|3-0|*0|
        xpending s a idle 1000000 - + 9 => *2|*4|$3|2-0|$0||:-1|:0|*4|$3|3-0|$0||:-1|:1|
        xpending s a - + 9 one => *0|
        xreadgroup group a two count 1 claim 5000 streams s > => *1|*2|$1|s|*1|*4|$3|3-0|*2|$1|f|$1|3|:-1|:1| ! xgroup-createconsumer s
        xautoclaim s a two 5000 0 => *3|$3|0-0|*1|*2|$3|2-0|*2|$1|f|$1|2|*0|
        xpending s a - + 9 => *2|*4|$3|2-0|$3|two|:0|:1|*4|$3|3-0|$3|two|:0|:2|
        xnack s a fatal ids 1 2-0 => :1|
        xpending s a - + 1 => *1|*4|$3|2-0|$0||:-1|:9223372036854775807|
        xclaim s a one 1000 2-0 => *1|*2|$3|2-0|*2|$1|f|$1|2|
        xpending s a - + 1 => *1|*4|$3|2-0|$3|one|:0|:9223372036854775807|
        xnack s a fatal ids 2 2-0 2-0 retrycount 42 => :2|
        xpending s a - + 1 => *1|*4|$3|2-0|$0||:-1|:42|
        xnack s a silent ids 1 1-0 => :0|
        xnack s a silent force ids 2 1-0 8-0 => :1|
        xpending s a - + 1 => *1|*4|$3|1-0|$0||:-1|:0|
        xack s a 1-0 2-0 => :2|
        xpending s a => *4|:1|$3|3-0|$3|3-0|*1|*2|$3|two|$1|1|
        xgroup delconsumer s a one => :0| ! xgroup-delconsumer s
        ",
    );
}

#[test]
fn releases_are_checked() {
    two_groups().check_script(
        r"
        xnack s a bad ids 1 1-0 => -ERR mode must be SILENT, FAIL, or FATAL|
        xnack s a fail fatal ids 1 1-0 => -ERR Unrecognized XNACK option 'fatal'|
        xnack s a fail ids x 1-0 => -ERR numids must be a positive integer|
        xnack s a fail ids 0 1-0 => -ERR numids must be a positive integer|
        xnack s a fail ids 2 1-0 => -ERR number of IDs doesn't match numids|
        xnack s a fail ids 1 1-0 2-0 => -ERR Unrecognized XNACK option '2-0'|
        xnack s a fail ids 1 x => -ERR Invalid stream ID specified as stream command argument|
        xnack s a fail ids 1 1-0 retrycount x => -ERR value is not an integer or out of range|
        xnack s a fail ids 1 1-0 retrycount -1 => -ERR Invalid RETRYCOUNT value, must be >= 0|
        xnack s a fail ids 1 1-0 retrycount => -ERR Unrecognized XNACK option 'retrycount'|
        xnack s a fail force retrycount 5 => -ERR syntax error, expected IDS keyword|
        xnack s a fail ids 1 => -ERR wrong number of arguments for 'xnack' command|
        xnack s none fail ids 1 1-0 => -NOGROUP No such key 's' or consumer group 'none'|
        xnack none a fail ids 1 1-0 => -NOGROUP No such key 'none' or consumer group 'a'|
        set k x => +OK| ! set k
        xnack k a fail ids 1 1-0 => -WRONGTYPE Operation against a key holding the wrong kind of value|
        ",
    );
}

#[test]
fn information_tells_of_what_was_released() {
    let mut bench = two_groups();
    bench.run("xnack s a fail ids 1 2-0");
    let full = bench.run("xinfo stream s full");
    assert!(
        full.contains("|$9|pel-count|:2|$12|nacked-count|:1|$7|pending|*2|*4|$3|2-0|$0||:0|:1|"),
        "{full}"
    );
    assert_eq!(full.matches("nacked-count").count(), 1);
    let copied = bench.run("copy s t");
    assert_eq!((copied.as_str(), bench.run("xinfo stream t full")), (":1|", full));
}

#[test]
fn a_producer_adds_an_entry_once() {
    let mut bench = Bench::new();
    let first = bench.run("xadd s idmp p one * f 1");
    bench.advance_ms(10);
    assert_eq!(bench.take_events(), ["xadd s"]);
    assert_eq!(bench.run("xadd s idmp p one * f 2"), first);
    assert_eq!(bench.run("xadd s nomkstream maxlen 1 idmp p one keepref * f 2"), first);
    assert!(bench.take_events().is_empty());
    let other = bench.run("xadd s idmp q one * f 1");
    assert_ne!(other, first);
    bench.advance_ms(10);
    let content = bench.run("xadd s idmpauto p * f 1 g 2");
    bench.advance_ms(10);
    assert_eq!(bench.run("xadd s idmpauto p * g 2 f 1"), content);
    assert_ne!(bench.run("xadd s idmpauto p * g 1 f 2"), content);
    bench.check_script(
        r"
        xlen s => :4|
        copy s t => :1| ! copy_to t
        ",
    );
    for key in ["s", "t"] {
        let told = bench.run(&format!("xinfo stream {key}"));
        let want = "|$13|idmp-duration|:100|$12|idmp-maxsize|:100|$12|pids-tracked|:2|$12|iids-tracked|:4|$10|iids-added|:4|$15|iids-duplicates|:3|";
        assert!(told.starts_with("*32|") && told.contains(want), "{told}");
    }
    bench.run(&format!("xdel s {}", first.split('|').nth(1).unwrap_or_default()));
    assert_eq!(
        bench.run("xadd s idmp p one * f 1"),
        first,
        "it was added, if deleted since"
    );
    bench.advance_ms(100_000);
    assert_ne!(bench.run("xadd s idmp p one * f 1"), first);
    assert_eq!(bench.run("xadd none nomkstream idmp p one * f 1"), "$-1|");
    assert_eq!(bench.run("exists none"), ":0|");
}

#[test]
fn tokens_are_checked() {
    check_script(
        r"
        xadd s idmp p * f v => -ERR Invalid stream ID specified as stream command argument|
        xadd s idmp p one 1-1 f v => -ERR IDMP/IDMPAUTO can be used only with auto-generated IDs|
        xadd s idmp p one idmp q two * f v => -ERR IDMP/IDMPAUTO specified multiple times|
        xadd s idmpauto p idmp q two * f v => -ERR IDMP/IDMPAUTO specified multiple times|
        xadd s idmp '' one * f v => -ERR IDMP requires a non-empty producer ID|
        xadd s idmp p '' * f v => -ERR IDMP requires a non-empty idempotent ID|
        xadd s idmpauto '' * f v => -ERR IDMPAUTO requires a non-empty producer ID|
        exists s => :0|
        ",
    );
}

#[test]
fn the_memory_of_producers_is_set() {
    let mut bench = Bench::new();
    let first = bench.run("xadd s idmp p one * f 1");
    bench.advance_ms(10);
    bench.take_events();
    bench.check_script(
        r"
        xcfgset s idmp-duration 100 => +OK| ! xcfgset s
        xcfgset s => -ERR At least one parameter must be specified|
        xcfgset s idmp-duration => -ERR syntax error|
        xcfgset s nope 1 => -ERR syntax error|
        xcfgset s idmp-duration x idmp-maxsize => -ERR value is not an integer or out of range|
        xcfgset s idmp-duration 0 => -ERR IDMP-DURATION must be between 1 and 86400 seconds|
        xcfgset s idmp-duration 86401 => -ERR IDMP-DURATION must be between 1 and 86400 seconds|
        xcfgset s idmp-maxsize 10001 => -ERR IDMP-MAXSIZE must be between 1 and 10000 entries|
        xcfgset none idmp-maxsize 1 => -ERR no such key|
        set k x => +OK| ! set k
        xcfgset k idmp-maxsize 1 => -WRONGTYPE Operation against a key holding the wrong kind of value|
        ",
    );
    assert_eq!(
        bench.run("xadd s idmp p one * f 1"),
        first,
        "the same setting forgets nothing"
    );
    assert_eq!(bench.run("xcfgset s idmp-maxsize 2 idmp-duration 7"), "+OK|");
    let again = bench.run("xadd s idmp p one * f 1");
    assert_ne!(again, first);
    assert!(
        bench
            .run("xinfo stream s")
            .contains("|$13|idmp-duration|:7|$12|idmp-maxsize|:2|$12|pids-tracked|:1|")
    );
    bench.run("xadd s idmp p two * f 1");
    assert_eq!(bench.run("xadd s idmp p one * f 1"), again);
    bench.run("xadd s idmp p three * f 1");
    assert_ne!(bench.run("xadd s idmp p one * f 1"), again);
}
