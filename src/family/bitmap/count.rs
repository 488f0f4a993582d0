//! Counting and finding bits.

use super::Span;
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Key, Ran};
use crate::types::bits;

/// BITCOUNT and BITPOS.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "BITCOUNT",
        "Counts the bits that are set in a string or a part of it.",
        Group::Bitmap,
    )
    .since("2.6.0")
    .complexity("O(N)")
    .arity(Arity::AtLeast(2))
    .flags(Flags::READONLY)
    .acl(Acl::BITMAP)
    .keys(&[Key::at(1).read()])
    .args(&[Arg::key("key", 0), RANGE])
    .history(&[
        ("7.0.0", "The options `BYTE` and `BIT`."),
        ("8.0.0", "`end` may be left out."),
    ])
    .run(Exec::Keys(bitcount)),
    Command::new(
        "BITPOS",
        "Finds the first bit that is set, or clear, in a string or a part of it.",
        Group::Bitmap,
    )
    .since("2.8.7")
    .complexity("O(N)")
    .arity(Arity::AtLeast(3))
    .flags(Flags::READONLY)
    .acl(Acl::BITMAP)
    .keys(&[Key::at(1).read()])
    .args(&[Arg::key("key", 0), Arg::integer("bit"), RANGE])
    .history(&[("7.0.0", "The options `BYTE` and `BIT`.")])
    .run(Exec::Keys(bitpos)),
];

const RANGE: Arg = Arg::block(
    "range",
    &[
        Arg::integer("start"),
        Arg::block(
            "end-unit-block",
            &[
                Arg::integer("end"),
                Arg::one_of("unit", &[Arg::word("byte", "BYTE"), Arg::word("bit", "BIT")])
                    .since("7.0.0")
                    .optional(),
            ],
        )
        .optional(),
    ],
)
.optional();

fn bitcount(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let span = Span::parse(args, 2)?;
    let Some(string) = ctx.keys.lookup_string(args.at(1))? else {
        ctx.reply.int(0);
        return Ok(());
    };
    let backwards = span
        .end
        .is_some_and(|end| span.start < 0 && end < 0 && span.start > end);
    let count = match string.bytes() {
        _ if backwards => 0,
        bytes => bits::count(&bytes, span.bits(bytes.len())),
    };
    ctx.reply.int(count as i64);
    Ok(())
}

fn bitpos(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let bit = match args.int(2)? {
        0 => false,
        1 => true,
        _ => return Err(Error::Text("ERR The bit argument must be 1 or 0.")),
    };
    let span = Span::parse(args, 3)?;
    let Some(string) = ctx.keys.lookup_string(args.at(1))? else {
        ctx.reply.int(if bit { -1 } else { 0 });
        return Ok(());
    };
    let bytes = string.bytes();
    let range = span.bits(bytes.len());
    let position = bits::position(&bytes, range.clone(), bit);
    // Without an end, the string goes on with zeros for ever, unless nothing of it was asked for.
    let behind = (!bit && span.end.is_none() && !range.is_empty()).then_some(range.end);
    ctx.reply.int(position.or(behind).map_or(-1, |at| at as i64));
    Ok(())
}
