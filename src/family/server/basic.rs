//! TIME, MONITOR, SHUTDOWN.

use crate::command::session::SessionContext;
use crate::command::{Arg, Args, Arity, Command, Control, Exec, Flags, Group, Ran};

const OPERATOR: Flags = Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE);

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("MONITOR", "Shows every command that the server runs.", Group::Server)
        .complexity("")
        .arity(Arity::Exactly(1))
        .flags(OPERATOR)
        .run(Exec::Control(Control::Monitor)),
    Command::new("SHUTDOWN", "Ends the server.", Group::Server)
        .complexity(
            "O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)",
        )
        .arity(Arity::AtLeast(1))
        .flags(OPERATOR.or(Flags::NO_MULTI).or(Flags::ALLOW_BUSY))
        .args(SHUTDOWN_ARGS)
        .history(&[
            ("7.0.0", "Takes NOW, FORCE and ABORT."),
            ("9.0.0", "Takes SAFE and FAILOVER."),
        ])
        .run(Exec::Control(Control::Shutdown)),
    Command::new(
        "TIME",
        "Answers the server's clock: seconds and microseconds.",
        Group::Server,
    )
    .since("2.6.0")
    .arity(Arity::Exactly(1))
    .flags(Flags::LOADING.or(Flags::STALE).or(Flags::FAST))
    .tips(&["nondeterministic_output"])
    .run(Exec::Session(time)),
];

const SHUTDOWN_ARGS: &[Arg] = &[Arg::one_of(
    "abort-selector",
    &[
        Arg::block(
            "save-selector-block",
            &[
                Arg::one_of(
                    "save-selector",
                    &[Arg::word("nosave", "NOSAVE"), Arg::word("save", "SAVE")],
                )
                .optional(),
                Arg::word("now", "NOW").optional().since("7.0.0"),
                Arg::word("force", "FORCE").optional().since("7.0.0"),
                Arg::word("safe", "SAFE").optional().since("9.0.0"),
                Arg::word("failover", "FAILOVER").optional().since("9.0.0"),
            ],
        ),
        Arg::word("abort", "ABORT").since("7.0.0"),
    ],
)
.optional()];

fn time(ctx: &mut SessionContext<'_>, _: Args<'_>) -> Ran {
    ctx.reply.array(2);
    ctx.reply.bulk_int(ctx.now.unix_us.div_euclid(1_000_000));
    ctx.reply.bulk_int(ctx.now.unix_us.rem_euclid(1_000_000));
    Ok(())
}
