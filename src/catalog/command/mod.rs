//! COMMAND: what commands there are, told from their declarations. It stands in the catalog, above the families, since it must
//! know them all.

mod docs;
mod info;
mod keys;

use super::{all, find, find_sub};
use crate::base::glob;
use crate::command::session::SessionContext;
use crate::command::{Acl, Arg, Args, Arity, Command, Error, Exec, Flags, Group, Ran, syntax};

const READER: Flags = Flags::LOADING.or(Flags::STALE);
const UNORDERED: &[&str] = &["nondeterministic_output_order"];
const NAMES: &[Arg] = &[Arg::string("command-name").optional().multiple()];

const fn sub(name: &'static str, summary: &'static str) -> Command {
    Command::new(name, summary, Group::Server)
        .inside("COMMAND")
        .flags(READER)
        .acl(Acl::CONNECTION)
}

/// COMMAND.
pub const COMMANDS: &[&[Command]] = &[&[Command::new("COMMAND", "Tells about all commands.", Group::Server)
    .since("2.8.13")
    .complexity("O(N) where N is the total number of commands")
    .arity(Arity::AtLeast(1))
    .flags(READER)
    .acl(Acl::CONNECTION)
    .tips(UNORDERED)
    .run(Exec::Session(info::all_commands))
    .subcommands(SUBCOMMANDS)]];

const SUBCOMMANDS: &[Command] = &[
    sub("COUNT", "Counts the commands.")
        .since("2.8.13")
        .arity(Arity::Exactly(2))
        .run(Exec::Session(count)),
    sub("DOCS", "Tells what commands do and how they are called.")
        .since("7.0.0")
        .complexity("O(N) where N is the number of commands to look up")
        .arity(Arity::AtLeast(2))
        .args(NAMES)
        .tips(UNORDERED)
        .run(Exec::Session(docs::docs)),
    sub("GETKEYS", "Finds the keys of a command line.")
        .since("2.8.13")
        .complexity("O(N) where N is the number of arguments to the command")
        .arity(Arity::AtLeast(3))
        .args(KEYS_ARGS)
        .run(Exec::Session(keys::getkeys)),
    sub(
        "GETKEYSANDFLAGS",
        "Finds the keys of a command line and what is done to them.",
    )
    .since("7.0.0")
    .complexity("O(N) where N is the number of arguments to the command")
    .arity(Arity::AtLeast(3))
    .args(KEYS_ARGS)
    .run(Exec::Session(keys::getkeysandflags)),
    sub("HELP", "Tells what COMMAND can do.")
        .since("5.0.0")
        .arity(Arity::Exactly(2))
        .run(Exec::Session(help)),
    sub("INFO", "Tells about commands.")
        .since("2.8.13")
        .complexity("O(N) where N is the number of commands to look up")
        .arity(Arity::AtLeast(2))
        .args(NAMES)
        .history(&[("7.0.0", "Without names, tells about all commands.")])
        .tips(UNORDERED)
        .run(Exec::Session(info::info)),
    sub("LIST", "Lists the names of commands.")
        .since("7.0.0")
        .complexity("O(N) where N is the total number of commands")
        .arity(Arity::AtLeast(2))
        .args(&[Arg::one_of(
            "filterby",
            &[
                Arg::string("module-name").token("MODULE"),
                Arg::string("category").token("ACLCAT"),
                Arg::pattern("pattern").token("PATTERN"),
            ],
        )
        .token("FILTERBY")
        .optional()])
        .tips(UNORDERED)
        .run(Exec::Session(list)),
];

const KEYS_ARGS: &[Arg] = &[Arg::string("command"), Arg::string("arg").optional().multiple()];

/// The command called `name`, which may be `container|subcommand`.
fn find_full(name: &[u8]) -> Option<&'static Command> {
    match name.iter().position(|&byte| byte == b'|') {
        None => find(name),
        Some(bar) => find_sub(find(&name[..bar])?, &name[bar + 1..]),
    }
}

/// The subcommands that clients are told of.
fn told_subcommands(command: &'static Command) -> &'static [Command] {
    if command.system { &[] } else { command.subcommands }
}

fn count(ctx: &mut SessionContext<'_>, _: Args<'_>) -> Ran {
    ctx.reply.count(all().count());
    Ok(())
}

fn help(ctx: &mut SessionContext<'_>, _: Args<'_>) -> Ran {
    syntax::write_help("COMMAND", SUBCOMMANDS, ctx.reply);
    Ok(())
}

fn list(ctx: &mut SessionContext<'_>, args: Args<'_>) -> Ran {
    let everything = || all().flat_map(|command| std::iter::once(command).chain(told_subcommands(command)));
    let chosen: Vec<&Command> = match args.len() {
        2 => everything().collect(),
        5 if args.is(2, "FILTERBY") && args.is(3, "MODULE") => Vec::new(),
        5 if args.is(2, "FILTERBY") && args.is(3, "ACLCAT") => {
            let category = args.at(4);
            let has = |command: &&Command| {
                let mut names = command.all_acl().names();
                names.any(|name| name.as_bytes()[1..].eq_ignore_ascii_case(category))
            };
            everything().filter(has).collect()
        }
        5 if args.is(2, "FILTERBY") && args.is(3, "PATTERN") => {
            let matches = |command: &&Command| glob::matches_ignoring_case(args.at(4), command.full_name().as_bytes());
            everything().filter(matches).collect()
        }
        _ => return Err(Error::Syntax),
    };
    ctx.reply.array(chosen.len());
    for command in chosen {
        ctx.reply.bulk(command.full_name().as_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
