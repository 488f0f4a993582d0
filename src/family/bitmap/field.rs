//! Integers of any width inside a string.

use super::{OFFSET, bytes_with_room, offset};
use crate::base::number::parse_i64;
use crate::command::error::quotable;
use crate::command::{Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Ran};
use crate::types::bits::{Field, Overflow};

/// BITFIELD and BITFIELD_RO.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "BITFIELD",
        "Reads, sets and increments integers of any width inside a string.",
        Group::Bitmap,
    )
    .since("3.2.0")
    .arity(Arity::AtLeast(2))
    .flags(Flags::WRITE.or(Flags::DENYOOM))
    .acl(Acl::BITMAP)
    .keys(&[Key::at(1)
        .flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::UPDATE | KeyFlags::VARIABLE)
        .notes("This command allows both access and modification of the key")])
    .key_use(key_use)
    .args(&[
        Arg::key("key", 0),
        Arg::one_of("operation", &[GET, Arg::block("write", &[OVERFLOW, WRITE_OPERATION])])
            .optional()
            .multiple(),
    ])
    .run(Exec::Keys(bitfield)),
    Command::new(
        "BITFIELD_RO",
        "Reads integers of any width inside a string.",
        Group::Bitmap,
    )
    .since("6.0.0")
    .arity(Arity::AtLeast(2))
    .flags(Flags::READONLY.or(Flags::FAST))
    .acl(Acl::BITMAP)
    .keys(&[Key::at(1).read()])
    .args(&[Arg::key("key", 0), GET.optional().multiple_token()])
    .run(Exec::Keys(bitfield_ro)),
];

const GET: Arg = Arg::block("get-block", &[Arg::string("encoding"), Arg::integer("offset")]).token("GET");

const OVERFLOW: Arg = Arg::one_of(
    "overflow-block",
    &[
        Arg::word("wrap", "WRAP"),
        Arg::word("sat", "SAT"),
        Arg::word("fail", "FAIL"),
    ],
)
.token("OVERFLOW")
.optional();

const WRITE_OPERATION: Arg = Arg::one_of(
    "write-operation",
    &[
        Arg::block(
            "set-block",
            &[Arg::string("encoding"), Arg::integer("offset"), Arg::integer("value")],
        )
        .token("SET"),
        Arg::block(
            "incrby-block",
            &[
                Arg::string("encoding"),
                Arg::integer("offset"),
                Arg::integer("increment"),
            ],
        )
        .token("INCRBY"),
    ],
);

/// Only reading, unless there is anything but GET.
fn key_use(args: Args<'_>) -> KeyFlags {
    let mut at = 2;
    while at < args.len() {
        let behind = args.len() - at - 1;
        if args.is(at, "GET") && behind >= 2 {
            at += 3;
        } else if args.is(at, "OVERFLOW") && behind >= 1 {
            at += 2;
        } else {
            return KeyFlags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::UPDATE);
        }
    }
    KeyFlags(KeyFlags::RO | KeyFlags::ACCESS)
}

/// One operation on one field.
struct Step {
    field: Field,
    at: u64,
    action: Action,
}

#[derive(Clone, Copy)]
enum Action {
    Get,
    Set(i64, Overflow),
    Add(i64, Overflow),
}

impl Step {
    fn writes(&self) -> bool {
        !matches!(self.action, Action::Get)
    }

    /// The bytes that a string needs to hold the field.
    fn bytes_needed(&self) -> usize {
        ((self.at + u64::from(self.field.bits) - 1) / 8) as usize + 1
    }

    /// Carries the step out; answers what it replies, and whether a bit has changed.
    fn run(&self, bytes: &mut [u8]) -> (Option<i64>, bool) {
        let before = self.field.get(bytes, self.at);
        let (result, written) = match self.action {
            Action::Get => return (Some(before), false),
            Action::Set(value, overflow) => {
                let written = self.field.add(value, 0, overflow);
                (written.map(|_| before), written)
            }
            Action::Add(increment, overflow) => {
                let written = self.field.add(before, increment, overflow);
                (written, written)
            }
        };
        if let Some(value) = written {
            self.field.set(bytes, self.at, value);
        }
        (result, written.is_some_and(|value| value != before))
    }
}

fn parse(ctx: &Context<'_>, args: Args<'_>) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    let mut overflow = Overflow::default();
    let mut at = 2;
    while at < args.len() {
        let behind = args.len() - at - 1;
        if args.is(at, "OVERFLOW") && behind >= 1 {
            overflow = overflow_named(args, at + 1)?;
            at += 2;
            continue;
        }
        let (is_set, is_add) = (args.is(at, "SET"), args.is(at, "INCRBY"));
        let writes = (is_set || is_add) && behind >= 3;
        if !(writes || args.is(at, "GET") && behind >= 2) {
            return Err(Error::Syntax);
        }
        let field = field_named(args.at(at + 1))?;
        let offset = field_offset(ctx, args.at(at + 2), field)?;
        let action = match writes.then(|| args.int(at + 3)).transpose()? {
            None => Action::Get,
            Some(value) if is_set => Action::Set(value, overflow),
            Some(increment) => Action::Add(increment, overflow),
        };
        at += if writes { 4 } else { 3 };
        steps.push(Step {
            field,
            at: offset,
            action,
        });
    }
    Ok(steps)
}

fn overflow_named(args: Args<'_>, at: usize) -> Result<Overflow, Error> {
    let names = [
        ("WRAP", Overflow::Wrap),
        ("SAT", Overflow::Saturate),
        ("FAIL", Overflow::Fail),
    ];
    let named = names.into_iter().find(|(name, _)| args.is(at, name));
    let (_, overflow) = named.ok_or(Error::Text("ERR Invalid OVERFLOW type specified"))?;
    Ok(overflow)
}

fn field_named(word: &[u8]) -> Result<Field, Error> {
    let (signed, width) = match quotable(word) {
        [b'i', width @ ..] => (true, parse_i64(width)),
        [b'u', width @ ..] => (false, parse_i64(width)),
        _ => (true, None),
    };
    let widest = if signed { 64 } else { 63 };
    match width {
        Some(width @ 1..=64) if width <= widest => Ok(Field {
            signed,
            bits: width as u32,
        }),
        _ => Err(Error::Text(
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
        )),
    }
}

/// A bit's offset, or behind `#` that of a field counted in fields of this width.
fn field_offset(ctx: &Context<'_>, word: &[u8], field: Field) -> Result<u64, Error> {
    let bit = match word {
        [b'#', fields @ ..] => parse_i64(fields).and_then(|fields| fields.checked_mul(i64::from(field.bits))),
        bits => parse_i64(bits),
    };
    offset(ctx, bit).map_err(|_| OFFSET)
}

fn bitfield(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    let steps = parse(ctx, args)?;
    let needed = steps.iter().filter(|step| step.writes()).map(Step::bytes_needed).max();
    let Some(needed) = needed else {
        return read(ctx, key, &steps);
    };
    let (bytes, grown) = bytes_with_room(ctx, key, needed)?;
    let mut changed = false;
    let results: Vec<_> = steps
        .iter()
        .map(|step| {
            let (result, differs) = step.run(bytes);
            changed |= result.is_some() && step.writes() && (grown || differs);
            result
        })
        .collect();
    if changed {
        ctx.keys.changed(key, Class::String, "setbit");
    }
    ctx.reply.array(results.len());
    for result in results {
        match result {
            Some(number) => ctx.reply.int(number),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}

fn bitfield_ro(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let steps = parse(ctx, args)?;
    if steps.iter().any(Step::writes) {
        ctx.keys.lookup(args.at(1));
        return Err(Error::Text("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    read(ctx, args.at(1), &steps)
}

fn read(ctx: &mut Context<'_>, key: &[u8], steps: &[Step]) -> Ran {
    let string = ctx.keys.lookup_string(key)?;
    let bytes = string.map(|string| string.bytes()).unwrap_or_default();
    ctx.reply.array(steps.len());
    for step in steps {
        ctx.reply.int(step.field.get(&bytes, step.at));
    }
    Ok(())
}
