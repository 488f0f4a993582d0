//! HSCAN: the walk over the fields of a hash.

use super::READS;
use crate::command::scan::{cursor, write_page};
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Ran, ScanOptions, Scans};
use crate::protocol::reply::Reply;

/// HSCAN.
pub const COMMANDS: &[Command] = &[Command::new(
    "HSCAN",
    "Returns some fields and values and where to go on.",
    Group::Hash,
)
.since("2.8.0")
.arity(Arity::AtLeast(3))
.flags(Flags::READONLY)
.acl(Acl::HASH)
.keys(READS)
.args(&[
    Arg::key("key", 0),
    Arg::integer("cursor"),
    Arg::pattern("pattern").token("MATCH").optional(),
    Arg::integer("count").token("COUNT").optional(),
    Arg::word("novalues", "NOVALUES").optional(),
])
.tips(&["nondeterministic_output"])
.run(Exec::Keys(hscan))];

fn hscan(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let from = cursor(args, 2)?;
    let now = ctx.keys.horizon();
    // What is wrong with the options of a hash that is not there goes unnoticed, as in Valkey.
    let hash = match ctx.keys.lookup(args.at(1)) {
        None => None,
        Some(entry) => {
            let hash = entry.hash().ok_or(Error::WrongType)?;
            Some((hash, ScanOptions::parse(args, 3, Scans::Hash)?))
        }
    };
    let mut page = Reply::default();
    let mut count = 0;
    let next = hash.map_or(0, |(hash, options)| {
        hash.scan(from, options.count, now, &mut |field, value| {
            if !options.matches(field) {
                return;
            }
            page.bulk(field);
            count += 1;
            if !options.names_only {
                page.bulk(value);
                count += 1;
            }
        })
    });
    write_page(ctx.reply, next, count, &page);
    Ok(())
}
