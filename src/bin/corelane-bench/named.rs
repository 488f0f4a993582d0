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
    pub commands: &'static [&'static str],
    pub preparation: Option<Preparation>,
}

const fn plain(name: &'static str, commands: &'static [&'static str]) -> NamedTest {
    NamedTest {
        name,
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
        commands: &["SET {key} {value}"],
        preparation: Some(Preparation {
            reset: None,
            command: "SET key:{seq} {value}",
            amount: Amount::Keyspace,
        }),
    },
    NamedTest {
        name: "get",
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
    plain("xadd", &["XADD mystream * field {value}"]),
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
            for command in test.commands.iter().copied().chain(preparation) {
                assert!(Template::compile(&arguments(command), &with).is_ok(), "{command}");
            }
        }
    }
}
