//! COMMAND GETKEYS and GETKEYSANDFLAGS: the keys of a command line.

use super::info::write_key_flags;
use crate::catalog::{find, find_sub};
use crate::command::args::OwnedArgs;
use crate::command::session::SessionContext;
use crate::command::{Args, Command, Error, Find, Flags, KeyFlags, Ran};

pub fn getkeys(ctx: &mut SessionContext<'_>, args: Args<'_>) -> Ran {
    let line = OwnedArgs::from_words(args.from(2));
    let line = line.as_args();
    let keys = keys(line)?;
    ctx.reply.array(keys.len());
    for (at, _) in keys {
        ctx.reply.bulk(line.at(at));
    }
    Ok(())
}

pub fn getkeysandflags(ctx: &mut SessionContext<'_>, args: Args<'_>) -> Ran {
    let line = OwnedArgs::from_words(args.from(2));
    let line = line.as_args();
    let keys = keys(line)?;
    ctx.reply.array(keys.len());
    for (at, flags) in keys {
        ctx.reply.array(2);
        ctx.reply.bulk(line.at(at));
        write_key_flags(flags, ctx.reply);
    }
    Ok(())
}

/// The words of `line` that are keys, and what is done to each.
fn keys(line: Args<'_>) -> Result<Vec<(usize, KeyFlags)>, Error> {
    let command = named(line).ok_or(Error::Text("ERR Invalid command specified"))?;
    if !command.has_keys() {
        return Err(Error::Text("ERR The command has no key arguments"));
    }
    if !command.arity.allows(line.len()) {
        return Err(Error::Text("ERR Invalid number of arguments specified for command"));
    }
    let optional = command.flags.has(Flags::NO_MANDATORY_KEYS);
    let mut keys = Vec::new();
    let mut fits = true;
    for key in command.keys {
        let mut positions = Vec::new();
        fits &= key.positions(line, &mut positions);
        // A count of keys must count some.
        fits &= optional || !positions.is_empty() || !matches!(key.find, Find::Count { .. });
        keys.extend(positions.into_iter().map(|at| (at, command.flags_of(key, line))));
    }
    if optional && !fits {
        return Ok(Vec::new());
    }
    if !fits || keys.is_empty() && !optional {
        return Err(Error::Text("ERR Invalid arguments specified for command"));
    }
    Ok(keys)
}

fn named(line: Args<'_>) -> Option<&'static Command> {
    let command = find(line.get(0)?)?;
    match line.get(1) {
        Some(name) if !command.subcommands.is_empty() => find_sub(command, name),
        _ => Some(command),
    }
}
