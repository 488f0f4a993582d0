//! INFO: the server's state as text, put together from facts of the process and numbers of every shard.

mod facts;
mod sections;

use crate::command::{Acl, Arg, Args, Arity, Command, Exec, Flags, Group, Part};
use crate::protocol::reply::Reply;

pub use facts::Facts;
use sections::SECTIONS;

/// INFO.
pub const COMMANDS: &[Command] = &[
    Command::new("INFO", "Tells how the server is and what it did.", Group::Server)
        .arity(Arity::AtLeast(1))
        .flags(Flags::LOADING.or(Flags::STALE))
        .acl(Acl::DANGEROUS)
        .args(&[Arg::string("section").optional().multiple()])
        .tips(&[
            "nondeterministic_output",
            "request_policy:all_shards",
            "response_policy:special",
        ])
        .history(&[("7.0.0", "Takes several sections.")])
        .run(Exec::Everywhere {
            changes: false,
            reroutes: crate::command::exec::reroutes_nothing,
            part: |local, _| Ok(Facts::part(local)),
            combine,
        }),
];

fn combine(parts: &[Part], args: Args<'_>, reply: &mut Reply) {
    let facts = Facts::new(parts);
    let mut text = String::new();
    for section in SECTIONS.iter().filter(|section| is_wanted(section, args)) {
        if !text.is_empty() {
            text.push_str("\r\n");
        }
        section.write(&facts, &mut text);
    }
    reply.verbatim("txt", text.as_bytes());
}

fn is_wanted(section: &sections::Section, args: Args<'_>) -> bool {
    let by_default = args.len() == 1 || (1..args.len()).any(|at| args.is(at, "default"));
    by_default && section.by_default
        || (1..args.len()).any(|at| args.is(at, "all") || args.is(at, "everything") || args.is(at, section.name))
}
