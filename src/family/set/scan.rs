//! SSCAN: the walk over the members of a set.

use crate::command::scan::{cursor, write_page};
use crate::command::{
    Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Key, Ran, ScanOptions, Scans,
};
use crate::protocol::reply::Reply;

/// SSCAN.
pub const COMMANDS: &[Command] = &[
    Command::new("SSCAN", "Returns some members and where to go on.", Group::Set)
        .since("2.8.0")
        .arity(Arity::AtLeast(3))
        .flags(Flags::READONLY)
        .acl(Acl::SET)
        .keys(&[Key::at(1).read()])
        .args(&[
            Arg::key("key", 0),
            Arg::integer("cursor"),
            Arg::pattern("pattern").token("MATCH").optional(),
            Arg::integer("count").token("COUNT").optional(),
        ])
        .tips(&["nondeterministic_output"])
        .run(Exec::Keys(sscan)),
];

fn sscan(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let from = cursor(args, 2)?;
    let mut page = Reply::default();
    let mut count = 0;
    let mut next = 0;
    // What is wrong with the options of a set that is not there goes unnoticed, as in Valkey.
    if let Some(entry) = ctx.keys.lookup(args.at(1)) {
        let set = entry.set().ok_or(Error::WrongType)?;
        let options = ScanOptions::parse(args, 3, Scans::Set)?;
        next = set.scan(from, options.count, &mut |member| {
            if options.matches(member) {
                page.bulk(member);
                count += 1;
            }
        });
    }
    write_page(ctx.reply, next, count, &page);
    Ok(())
}
