//! MULTI, EXEC, DISCARD, WATCH, UNWATCH: declared here, done by the coordinator.

use crate::command::{Acl, Arg, Arity, Command, Control, Exec, Flags, Group, Key};

const EVERYWHERE: Flags = Flags::NOSCRIPT
    .or(Flags::LOADING)
    .or(Flags::STALE)
    .or(Flags::ALLOW_BUSY);

/// The family.
pub const COMMANDS: &[&[Command]] = &[&[
    Command::new(
        "MULTI",
        "Starts a transaction: the commands that follow are queued.",
        Group::Transactions,
    )
    .since("1.2.0")
    .arity(Arity::Exactly(1))
    .flags(EVERYWHERE.or(Flags::FAST).or(Flags::NO_MULTI))
    .acl(Acl::TRANSACTION)
    .run(Exec::Control(Control::Multi)),
    Command::new("EXEC", "Runs the queued commands as one step.", Group::Transactions)
        .since("1.2.0")
        .complexity("Depends on commands in the transaction")
        .arity(Arity::Exactly(1))
        .flags(
            Flags::NOSCRIPT
                .or(Flags::LOADING)
                .or(Flags::STALE)
                .or(Flags::SKIP_SLOWLOG),
        )
        .acl(Acl::TRANSACTION)
        .run(Exec::Control(Control::Exec)),
    Command::new("DISCARD", "Forgets the queued commands.", Group::Transactions)
        .since("2.0.0")
        .complexity("O(N), when N is the number of queued commands")
        .arity(Arity::Exactly(1))
        .flags(EVERYWHERE.or(Flags::FAST))
        .acl(Acl::TRANSACTION)
        .run(Exec::Control(Control::Discard)),
    Command::new(
        "WATCH",
        "Makes the next EXEC fail if one of the keys changes before it.",
        Group::Transactions,
    )
    .since("2.2.0")
    .complexity("O(1) for every key.")
    .arity(Arity::AtLeast(2))
    .flags(EVERYWHERE.or(Flags::FAST).or(Flags::NO_MULTI))
    .acl(Acl::TRANSACTION)
    .keys(&[Key::at(1).range(-1, 1).flags(crate::command::KeyFlags::RO)])
    .args(&[Arg::key("key", 0).multiple()])
    .run(Exec::Control(Control::Watch)),
    Command::new("UNWATCH", "Forgets the watched keys.", Group::Transactions)
        .since("2.2.0")
        .arity(Arity::Exactly(1))
        .flags(EVERYWHERE.or(Flags::FAST))
        .acl(Acl::TRANSACTION)
        .run(Exec::Control(Control::Unwatch)),
]];
