//! Commands on the log.

use crate::command::redo::Rewrite;
use crate::command::{Args, Arity, Command, Context, Error, Exec, Flags, Group, Part};

/// BGREWRITEAOF.
pub const COMMANDS: &[Command] = &[Command::new(
    "BGREWRITEAOF",
    "Begins the append-only file anew, with what there is now.",
    Group::Server,
)
.arity(Arity::Exactly(1))
.flags(Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::NO_ASYNC_LOADING))
.run(Exec::Whole {
    part: rewrite,
    combine: |_, _, reply| reply.simple("Background append only file rewriting started"),
})];

/// All shards go over to new files at one instant.
fn rewrite(ctx: &mut Context<'_>, _: Args<'_>) -> Result<Part, Error> {
    let redo = &mut ctx.keys.effects.redo;
    if !redo.is_wanted() {
        return Err(Error::Text(
            "ERR There is no append only file to be rewritten: appendonly is no",
        ));
    }
    if redo.rewrite == Rewrite::UnderWay {
        return Err(Error::Text(
            "ERR Background append only file rewriting already in progress",
        ));
    }
    redo.rewrite = Rewrite::Asked;
    Ok(Part::default())
}
