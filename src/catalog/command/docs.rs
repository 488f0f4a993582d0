//! COMMAND DOCS: summaries and grammars.

use super::{find_full, told_subcommands};
use crate::catalog::all;
use crate::command::session::SessionContext;
use crate::command::{Arg, ArgKind, Args, Command, Ran};
use crate::protocol::reply::Reply;

pub fn docs(ctx: &mut SessionContext<'_>, args: Args<'_>) -> Ran {
    let commands: Vec<&Command> = if args.len() == 2 {
        all().collect()
    } else {
        args.from(2).filter_map(find_full).collect()
    };
    write_all(&commands, ctx.reply);
    Ok(())
}

fn write_all(commands: &[&'static Command], reply: &mut Reply) {
    reply.map(commands.len());
    for command in commands {
        reply.bulk(command.full_name().as_bytes());
        write(command, reply);
    }
}

fn write_text(name: &str, text: &str, reply: &mut Reply) {
    reply.bulk(name.as_bytes());
    reply.bulk(text.as_bytes());
}

fn write(command: &'static Command, reply: &mut Reply) {
    let subcommands = told_subcommands(command);
    let present = [
        !command.complexity.is_empty(),
        command.system,
        !command.history.is_empty(),
        !command.args.is_empty(),
        !subcommands.is_empty(),
    ];
    let deprecated = if command.deprecated.is_some() { 3 } else { 0 };
    let optional = present.iter().filter(|present| **present).count();
    reply.map(3 + optional + deprecated);
    write_text("summary", command.summary, reply);
    write_text("since", command.since, reply);
    write_text("group", command.group.name(), reply);
    if !command.complexity.is_empty() {
        write_text("complexity", command.complexity, reply);
    }
    if command.system {
        write_flags("doc_flags", &["syscmd"], reply);
    }
    if let Some((since, instead)) = command.deprecated {
        write_flags("doc_flags", &["deprecated"], reply);
        write_text("deprecated_since", since, reply);
        write_text("replaced_by", instead, reply);
    }
    if !command.history.is_empty() {
        reply.bulk(b"history");
        reply.set(command.history.len());
        for (version, change) in command.history {
            reply.array(2);
            reply.bulk(version.as_bytes());
            reply.bulk(change.as_bytes());
        }
    }
    if !command.args.is_empty() {
        write_args(command.args, reply);
    }
    if !subcommands.is_empty() {
        reply.bulk(b"subcommands");
        write_all(&subcommands.iter().collect::<Vec<_>>(), reply);
    }
}

fn write_flags(name: &str, flags: &[&str], reply: &mut Reply) {
    reply.bulk(name.as_bytes());
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.simple(flag));
}

fn write_args(args: &[Arg], reply: &mut Reply) {
    reply.bulk(b"arguments");
    reply.array(args.len());
    for arg in args {
        write_arg(arg, reply);
    }
}

fn write_arg(arg: &Arg, reply: &mut Reply) {
    let (kind, parts): (&str, &[Arg]) = match arg.kind {
        ArgKind::String => ("string", &[]),
        ArgKind::Integer => ("integer", &[]),
        ArgKind::Double => ("double", &[]),
        ArgKind::Key(_) => ("key", &[]),
        ArgKind::Pattern => ("pattern", &[]),
        ArgKind::UnixTime => ("unix-time", &[]),
        ArgKind::PureToken => ("pure-token", &[]),
        ArgKind::OneOf(parts) => ("oneof", parts),
        ArgKind::Block(parts) => ("block", parts),
    };
    let key = match arg.kind {
        ArgKind::Key(spec) => Some(spec),
        _ => arg.key_spec,
    };
    let flags: Vec<&str> = [
        (arg.optional, "optional"),
        (arg.multiple, "multiple"),
        (arg.multiple_token, "multiple_token"),
    ]
    .iter()
    .filter(|(set, _)| *set)
    .map(|(_, name)| *name)
    .collect();
    let present = [
        parts.is_empty(),
        key.is_some(),
        arg.token.is_some(),
        arg.since.is_some(),
        arg.deprecated_since.is_some(),
        !flags.is_empty(),
        !parts.is_empty(),
    ];
    reply.map(2 + present.iter().filter(|present| **present).count());
    write_text("name", arg.name, reply);
    write_text("type", kind, reply);
    if parts.is_empty() {
        write_text("display_text", arg.display.unwrap_or(arg.name), reply);
    }
    if let Some(spec) = key {
        reply.bulk(b"key_spec_index");
        reply.int(spec.into());
    }
    if let Some(token) = arg.token {
        write_text("token", token, reply);
    }
    if let Some(since) = arg.since {
        write_text("since", since, reply);
    }
    if let Some(version) = arg.deprecated_since {
        write_text("deprecated_since", version, reply);
    }
    if !flags.is_empty() {
        write_flags("flags", &flags, reply);
    }
    if !parts.is_empty() {
        write_args(parts, reply);
    }
}
