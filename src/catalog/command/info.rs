//! COMMAND and COMMAND INFO: arity, flags, categories, key specifications.

use super::{find_full, told_subcommands};
use crate::catalog::all;
use crate::command::key::{Begin, Find};
use crate::command::session::SessionContext;
use crate::command::{Args, Command, Flags, Key, KeyFlags, Ran};
use crate::protocol::reply::Reply;

pub fn all_commands(ctx: &mut SessionContext<'_>, _: Args<'_>) -> Ran {
    ctx.reply.array(all().count());
    for command in all() {
        write(command, ctx.reply);
    }
    Ok(())
}

pub fn info(ctx: &mut SessionContext<'_>, args: Args<'_>) -> Ran {
    if args.len() == 2 {
        return all_commands(ctx, args);
    }
    ctx.reply.array(args.len() - 2);
    for name in args.from(2) {
        match find_full(name) {
            Some(command) => write(command, ctx.reply),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}

fn write(command: &'static Command, reply: &mut Reply) {
    let [first, last, step] = legacy_range(command.keys);
    reply.array(10);
    reply.bulk(command.full_name().as_bytes());
    reply.int(command.arity.wire());
    write_names(told_flags(command), reply);
    reply.int(first);
    reply.int(last);
    reply.int(step);
    write_names(command.all_acl().names(), reply);
    reply.set(command.tips.len());
    for tip in command.tips {
        reply.bulk(tip.as_bytes());
    }
    reply.set(command.keys.len());
    for key in command.keys {
        write_key(key, reply);
    }
    let subcommands = told_subcommands(command);
    reply.array(subcommands.len());
    for subcommand in subcommands {
        write(subcommand, reply);
    }
}

/// The flags that clients are told of.
pub fn told_flags(command: &Command) -> impl Iterator<Item = &'static str> + Clone {
    let flags = command.all_flags();
    Flags::NAMES
        .iter()
        .filter(move |(flag, _)| flags.has(*flag) && *flag != Flags::MAY_REPLICATE)
        .map(|(_, name)| *name)
}

fn write_names(names: impl Iterator<Item = &'static str> + Clone, reply: &mut Reply) {
    reply.set(names.clone().count());
    names.for_each(|name| reply.simple(name));
}

/// The first key, the last and the step between, as far as three numbers can tell: ranges at fixed places that follow each other.
fn legacy_range(keys: &[Key]) -> [i64; 3] {
    let mut range = [0; 3];
    for key in keys {
        let (
            Begin::Index(index),
            Find::Range {
                last,
                step,
                limit: 0 | 1,
            },
        ) = (key.begin, key.find)
        else {
            continue;
        };
        let first = i64::from(index);
        if range[0] != 0 && range[1] != first - 1 {
            continue;
        }
        let last = i64::from(last);
        let last = if last >= 0 { first + last } else { last };
        if range[0] == 0 {
            range[0] = first;
        }
        range[1] = last;
        range[2] = range[2].max(i64::from(step));
    }
    range
}

pub fn write_key_flags(flags: KeyFlags, reply: &mut Reply) {
    let names = KeyFlags::NAMES.iter().filter(|(bit, _)| flags.has(*bit));
    write_names(names.map(|(_, name)| *name), reply);
}

fn write_key(key: &Key, reply: &mut Reply) {
    reply.map(if key.notes.is_empty() { 3 } else { 4 });
    if !key.notes.is_empty() {
        reply.bulk(b"notes");
        reply.bulk(key.notes.as_bytes());
    }
    reply.bulk(b"flags");
    write_key_flags(key.flags, reply);
    reply.bulk(b"begin_search");
    match key.begin {
        Begin::Index(index) => write_spec("index", &[("index", index.into())], reply),
        Begin::Keyword(word, from) => write_keyword(word, from.into(), reply),
        Begin::Option { word, told, .. } => write_keyword(word, told.into(), reply),
        Begin::Untold { .. } | Begin::Unknown => write_spec("unknown", &[], reply),
    }
    reply.bulk(b"find_keys");
    match key.find {
        _ if matches!(key.begin, Begin::Untold { .. }) => write_spec("unknown", &[], reply),
        Find::Range { last, step, limit } => {
            let numbers = [
                ("lastkey", last.into()),
                ("keystep", step.into()),
                ("limit", limit.into()),
            ];
            write_spec("range", &numbers, reply);
        }
        Find::Count { num, first, step } => {
            let numbers = [
                ("keynumidx", num.into()),
                ("firstkey", first.into()),
                ("keystep", step.into()),
            ];
            write_spec("keynum", &numbers, reply);
        }
        Find::Unknown => write_spec("unknown", &[], reply),
    }
}

fn write_type(name: &str, reply: &mut Reply) {
    reply.bulk(b"type");
    reply.bulk(name.as_bytes());
}

fn write_spec(kind: &str, numbers: &[(&str, i64)], reply: &mut Reply) {
    reply.map(2);
    write_type(kind, reply);
    reply.bulk(b"spec");
    reply.map(numbers.len());
    for (name, number) in numbers {
        reply.bulk(name.as_bytes());
        reply.int(*number);
    }
}

fn write_keyword(word: &str, from: i64, reply: &mut Reply) {
    reply.map(2);
    write_type("keyword", reply);
    reply.bulk(b"spec");
    reply.map(2);
    reply.bulk(b"keyword");
    reply.bulk(word.as_bytes());
    reply.bulk(b"startfrom");
    reply.int(from);
}
