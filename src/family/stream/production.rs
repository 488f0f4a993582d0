//! Producers whose entries are added once: IDMP and IDMPAUTO of XADD, and XCFGSET (Redis 8.6).

use std::borrow::Cow;

use sha1_smol::Sha1;

use super::UPDATES;
use crate::command::{Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, Flags, Group as Docs, Ran};

/// XCFGSET.
pub const COMMANDS: &[Command] = &[Command::new(
    "XCFGSET",
    "Sets how long and how much of what producers add is remembered.",
    Docs::Stream,
)
.since("8.6.0")
.arity(Arity::AtLeast(2))
.flags(Flags::WRITE.or(Flags::FAST))
.acl(Acl::STREAM)
.keys(UPDATES)
.args(&[
    Arg::key("key", 0),
    Arg::integer("idmp-duration").token("IDMP-DURATION").optional(),
    Arg::integer("idmp-maxsize").token("IDMP-MAXSIZE").optional(),
])
.run(Exec::Keys(xcfgset))];

/// The grammar of the options of XADD.
pub const PRODUCTION: Arg = Arg::one_of(
    "idmp",
    &[
        Arg::block("idmpauto", &[Arg::string("pid").display("producer-id")]).token("IDMPAUTO"),
        Arg::block(
            "idmp",
            &[
                Arg::string("pid").display("producer-id"),
                Arg::string("iid").display("idempotent-id"),
            ],
        )
        .token("IDMP"),
    ],
)
.since("8.6.0")
.optional();

/// By what XADD knows an entry again.
#[derive(Clone, Copy)]
pub struct Token<'a> {
    producer: &'a [u8],
    /// None: by its fields and values.
    id: Option<&'a [u8]>,
}

impl<'a> Token<'a> {
    /// The token that the words from `at` on name, and how many these are; `again`: there was one before.
    pub fn take(args: Args<'a>, at: usize, again: bool) -> Result<Option<(Self, usize)>, Error> {
        let by_content = args.is(at, "IDMPAUTO");
        let words = if by_content { 2 } else { 3 };
        if !by_content && !args.is(at, "IDMP") || at + words > args.len() {
            return Ok(None);
        }
        if again {
            return Err(Error::Text("ERR IDMP/IDMPAUTO specified multiple times"));
        }
        let (producer, id) = (args.at(at + 1), args.get(at + 2).filter(|_| !by_content));
        if producer.is_empty() {
            let name = if by_content { "IDMPAUTO" } else { "IDMP" };
            return Err(Error::Composed(format!("ERR {name} requires a non-empty producer ID")));
        }
        if id.is_some_and(<[u8]>::is_empty) {
            return Err(Error::Text("ERR IDMP requires a non-empty idempotent ID"));
        }
        Ok(Some((Token { producer, id }, words)))
    }

    /// The producer, and the bytes that stand for an entry of these fields and values. A first byte keeps both kinds apart.
    pub fn spelled<'w>(self, pairs: impl Iterator<Item = &'w [u8]>) -> (&'a [u8], Cow<'a, [u8]>) {
        let token = match self.id {
            Some(id) => [b"i", id].concat(),
            None => [b"c", &digest(pairs)[..]].concat(),
        };
        (self.producer, Cow::Owned(token))
    }
}

/// Stands for fields and values, in whatever order the pairs come.
fn digest<'w>(words: impl Iterator<Item = &'w [u8]>) -> [u8; 20] {
    let words: Vec<&[u8]> = words.collect();
    let mut pairs: Vec<&[&[u8]]> = words.chunks(2).collect();
    pairs.sort_unstable();
    let mut sha = Sha1::new();
    for word in pairs.into_iter().flatten() {
        sha.update(&(word.len() as u64).to_le_bytes());
        sha.update(word);
    }
    sha.digest().bytes()
}

fn xcfgset(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (mut duration_s, mut tokens_max) = (None, None);
    if args.len() == 2 {
        return Err(Error::Text("ERR At least one parameter must be specified"));
    }
    for at in (2..args.len()).step_by(2) {
        let known = args.is(at, "IDMP-DURATION") || args.is(at, "IDMP-MAXSIZE");
        if !known || at + 1 == args.len() {
            return Err(Error::Syntax);
        }
        let number = args.int(at + 1)?;
        if args.is(at, "IDMP-DURATION") {
            let wrong = Error::Text("ERR IDMP-DURATION must be between 1 and 86400 seconds");
            duration_s = Some(if (1..=86_400).contains(&number) {
                number as u64
            } else {
                return Err(wrong);
            });
        } else {
            let wrong = Error::Text("ERR IDMP-MAXSIZE must be between 1 and 10000 entries");
            tokens_max = Some(if (1..=10_000).contains(&number) {
                number as usize
            } else {
                return Err(wrong);
            });
        }
    }
    let key = args.at(1);
    let stream = ctx.keys.stream_mut(key)?.ok_or(Error::NoSuchKey)?;
    let production = stream.production.get_or_insert_default();
    let mut memory = production.memory();
    memory.duration_s = duration_s.unwrap_or(memory.duration_s);
    memory.tokens_max = tokens_max.unwrap_or(memory.tokens_max);
    production.set_memory(memory);
    ctx.keys.changed(key, Class::Stream, "xcfgset");
    ctx.reply.ok();
    Ok(())
}
