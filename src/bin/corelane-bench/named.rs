//! The named tests: which commands they send and what must be stored before.
//!
//! Owns this one table; must not know how commands are sent.

/// How much a preparation stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// One for each key of the keyspace.
    Keyspace,
    /// One for each operation that the run may do.
    Operations,
    /// This many.
    Exactly(u64),
}

/// What must be stored before a test.
#[derive(Debug)]
pub struct Preparation {
    /// A key that is deleted first, so that the test starts from the same state each time.
    pub reset: Option<&'static str>,
    /// The command that stores one element or key.
    pub command: &'static str,
    /// How often it is sent.
    pub amount: Amount,
}

/// A test that has a name. Commands are written as one text, arguments separated by spaces.
#[derive(Debug)]
pub struct NamedTest {
    pub name: &'static str,
    /// What every connection sends once, before.
    pub opening: &'static [&'static str],
    pub commands: &'static [&'static str],
    pub preparation: Option<Preparation>,
}

const fn plain(name: &'static str, commands: &'static [&'static str]) -> NamedTest {
    NamedTest {
        name,
        opening: &[],
        commands,
        preparation: None,
    }
}

const fn prepared(
    name: &'static str,
    commands: &'static [&'static str],
    reset: &'static str,
    command: &'static str,
    amount: Amount,
) -> NamedTest {
    NamedTest {
        name,
        opening: &[],
        commands,
        preparation: Some(Preparation {
            reset: Some(reset),
            command,
            amount,
        }),
    }
}

/// Every named test.
pub const TESTS: &[NamedTest] = &[
    plain("ping", &["PING"]),
    // Overwriting from the start: creating the keys would make the first part of the run another test.
    NamedTest {
        name: "set",
        opening: &[],
        commands: &["SET {key} {value}"],
        preparation: Some(Preparation {
            reset: None,
            command: "SET key:{seq} {value}",
            amount: Amount::Keyspace,
        }),
    },
    NamedTest {
        name: "get",
        opening: &[],
        commands: &["GET {key}"],
        preparation: Some(Preparation {
            reset: None,
            command: "SET key:{seq} {value}",
            amount: Amount::Keyspace,
        }),
    },
    plain("incr", &["INCR counter:{rand}"]),
    plain(
        "mset",
        &["MSET {key} {value} {key} {value} {key} {value} {key} {value} {key} {value}"],
    ),
    plain("lpush", &["LPUSH mylist {value}"]),
    plain("rpush", &["RPUSH mylist {value}"]),
    prepared(
        "lpop",
        &["LPOP mylist"],
        "mylist",
        "RPUSH mylist {value}",
        Amount::Operations,
    ),
    prepared(
        "rpop",
        &["RPOP mylist"],
        "mylist",
        "RPUSH mylist {value}",
        Amount::Operations,
    ),
    prepared(
        "lrange_100",
        &["LRANGE mylist 0 99"],
        "mylist",
        "RPUSH mylist {value}",
        Amount::Exactly(100),
    ),
    plain("lpush_rpop", &["LPUSH mylist {value}", "RPOP mylist"]),
    plain("queue", &["LPUSH {queue} {value}", "RPOP {queue}"]),
    plain("sadd", &["SADD myset member:{rand}"]),
    prepared(
        "spop",
        &["SPOP myset"],
        "myset",
        "SADD myset member:{seq}",
        Amount::Operations,
    ),
    prepared(
        "sadd_spop",
        &["SADD jobset member:{rand}", "SPOP jobset"],
        "jobset",
        "SADD jobset member:{seq}",
        Amount::Keyspace,
    ),
    plain("hset", &["HSET myhash field:{rand} {value}"]),
    NamedTest {
        name: "hset_hgetall",
        opening: &[],
        commands: &[
            "HSET hash:{rand} a {value} b {value} c {value} d {value} e {value} f {value} g {value} h {value} i {value} j {value}",
            "HGETALL hash:{rand}",
        ],
        preparation: Some(Preparation {
            reset: None,
            command: "HSET hash:{seq} a {value} b {value} c {value} d {value} e {value} f {value} g {value} h {value} i {value} j {value}",
            amount: Amount::Keyspace,
        }),
    },
    plain("zadd", &["ZADD myzset {int} member:{rand}"]),
    prepared(
        "zpopmin",
        &["ZPOPMIN myzset"],
        "myzset",
        "ZADD myzset {int} member:{seq}",
        Amount::Operations,
    ),
    prepared(
        "zadd_zpopmin",
        &["ZADD jobs {int} member:{rand}", "ZPOPMIN jobs"],
        "jobs",
        "ZADD jobs {int} member:{seq}",
        Amount::Keyspace,
    ),
    prepared(
        "zincrby_zrevrange",
        &["ZINCRBY priority 1 member:{rand}", "ZREVRANGE priority 0 0"],
        "priority",
        "ZADD priority {int} member:{seq}",
        Amount::Keyspace,
    ),
    prepared(
        "zrank",
        &["ZRANK ranked member:{rand}"],
        "ranked",
        "ZADD ranked {int} member:{seq}",
        Amount::Keyspace,
    ),
    plain("publish", &["PUBLISH channel:{rand} {value}"]),
    // Every connection hears what any of them publishes: the subscribers are as many as the connections.
    NamedTest {
        name: "publish_to_all",
        opening: &["HELLO 3", "SUBSCRIBE news"],
        commands: &["PUBLISH news {value}"],
        preparation: None,
    },
    plain("xadd", &["XADD mystream * field {value}"]),
    // A stream and a group for each connection; ids of its own making, so that it can acknowledge what it has read.
    NamedTest {
        name: "xadd_xreadgroup_xack",
        opening: &["DEL {queue}", "XGROUP CREATE {queue} workers 0 MKSTREAM"],
        commands: &[
            "XADD {queue} MAXLEN ~ 1000 {turn}-0 field {value}",
            "XADD {queue} MAXLEN ~ 1000 {turn}-1 field {value}",
            "XADD {queue} MAXLEN ~ 1000 {turn}-2 field {value}",
            "XADD {queue} MAXLEN ~ 1000 {turn}-3 field {value}",
            "XADD {queue} MAXLEN ~ 1000 {turn}-4 field {value}",
            "XADD {queue} MAXLEN ~ 1000 {turn}-5 field {value}",
            "XADD {queue} MAXLEN ~ 1000 {turn}-6 field {value}",
            "XADD {queue} MAXLEN ~ 1000 {turn}-7 field {value}",
            "XADD {queue} MAXLEN ~ 1000 {turn}-8 field {value}",
            "XADD {queue} MAXLEN ~ 1000 {turn}-9 field {value}",
            "XREADGROUP GROUP workers me COUNT 10 STREAMS {queue} >",
            "XACK {queue} workers {turn}-0 {turn}-1 {turn}-2 {turn}-3 {turn}-4 {turn}-5 {turn}-6 {turn}-7 {turn}-8 {turn}-9",
        ],
        preparation: None,
    },
];

/// Finds a test by its name.
pub fn find(name: &str) -> Option<&'static NamedTest> {
    TESTS.iter().find(|test| test.name == name)
}

/// Splits a command of the table into arguments.
pub fn arguments(command: &str) -> Vec<String> {
    command.split(' ').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{Substitution, Template};

    #[test]
    fn every_command_of_the_table_compiles_and_every_name_is_found_once() {
        let text = || "x".to_owned();
        let with = Substitution {
            keyspace: 10,
            value: text(),
            queue: text(),
            connection: text(),
        };
        for test in TESTS {
            assert_eq!(
                TESTS.iter().filter(|other| other.name == test.name).count(),
                1,
                "{}",
                test.name
            );
            let preparation = test.preparation.as_ref().map(|preparation| preparation.command);
            let texts = test.opening.iter().chain(test.commands).copied();
            for command in texts.chain(preparation) {
                assert!(Template::compile(&arguments(command), &with).is_ok(), "{command}");
            }
        }
    }
}
