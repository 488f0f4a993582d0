//! XTRIM, and the options that XADD shares with it.

use super::references::{REFERENCES, References};
use super::{DELETES, id_at};
use crate::command::{Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, Flags, Footprint, Group, Ran};
use crate::config::Config;
use crate::types::Stream;
use crate::types::stream::{Reach, Trim};

/// XTRIM.
pub const COMMANDS: &[Command] = &[Command::new(
    "XTRIM",
    "Deletes entries from the beginning of a stream.",
    Group::Stream,
)
.since("5.0.0")
.complexity("O(N)")
.arity(Arity::AtLeast(4))
.flags(Flags::WRITE)
.acl(Acl::STREAM)
.keys(DELETES)
.args(&[Arg::key("key", 0), Arg::block("trim", TRIM), REFERENCES])
.tips(&["nondeterministic_output"])
.footprint(Footprint::Ends(footprint))
.history(&[
    ("6.2.0", "The MINID trimming strategy and the LIMIT option."),
    ("8.2.0", "The KEEPREF, DELREF and ACKED options."),
])
.run(Exec::Keys(xtrim))];

/// The grammar of the trimming options.
pub const TRIM: &[Arg] = &[
    Arg::one_of(
        "strategy",
        &[
            Arg::word("maxlen", "MAXLEN"),
            Arg::word("minid", "MINID").since("6.2.0"),
        ],
    ),
    Arg::one_of("operator", &[Arg::word("equal", "="), Arg::word("approximately", "~")]).optional(),
    Arg::string("threshold"),
    Arg::integer("count").token("LIMIT").since("6.2.0").optional(),
];

/// The most entries that one approximate trimming without LIMIT deletes.
const LIMIT_MAX: u64 = 1_000_000;
/// As many when nodes have no limit of entries.
const LIMIT_WITHOUT_NODES: u64 = 10_000;

/// Up to where to trim, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trimming {
    to: Trim,
    /// Only whole nodes, and with them no more entries than this.
    whole_nodes: Option<u64>,
    references: References,
}

impl Trimming {
    /// Deletes from the front of `stream`; answers how many entries.
    pub fn apply(self, stream: &mut Stream) -> u64 {
        self.references.trim(stream, self.to, self.whole_nodes)
    }

    /// Whether what it deletes depends on how the stream's nodes are filled.
    pub fn depends_on_nodes(self) -> bool {
        self.whole_nodes.is_some()
    }

    /// Records the deletion of `trimmed` entries of the stream at `key`, which has happened, so that it does not depend on nodes.
    pub fn redo(self, ctx: &mut Context<'_>, key: &[u8], trimmed: u64) -> Ran {
        if trimmed == 0 || !ctx.keys.effects.redo.is_wanted() {
            return Ok(());
        }
        let policy: &[u8] = match self.references {
            References::Keep => b"KEEPREF",
            References::Delete => b"DELREF",
            // Which ones were spared, no length tells.
            References::Acked => {
                ctx.keys.redo_state(key, ctx.config);
                return Ok(());
            }
        };
        let len = ctx.keys.stream(key)?.map_or(0, |stream| stream.log.len()).to_string();
        ctx.keys.redo([b"XTRIM", key, b"MAXLEN", b"=", len.as_bytes(), policy]);
        Ok(())
    }
}

/// What XTRIM may change.
fn footprint(args: Args<'_>) -> Option<Option<Reach>> {
    let mut options = TrimOptions::default();
    let mut at = 2;
    while at < args.len() {
        match options.take(args, at).ok()? {
            0 => return None,
            taken => at += taken,
        }
    }
    options.reach()
}

/// The trimming options, as they are read one after the other.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrimOptions {
    to: Option<Trim>,
    approximate: bool,
    limit: Option<u64>,
    references: Option<References>,
}

impl TrimOptions {
    /// Reads an option at word `at`; how many words it takes, 0 when it is none of these.
    pub fn take(&mut self, args: Args<'_>, at: usize) -> Result<usize, Error> {
        let more = args.len() - 1 - at;
        let max_len = args.is(at, "MAXLEN");
        if more > 0 && (max_len || args.is(at, "MINID")) {
            if self.to.is_some() {
                return Err(Error::Text(
                    "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
                ));
            }
            self.approximate = more > 1 && args.is(at + 1, "~");
            let operator = usize::from(self.approximate || more > 1 && args.is(at + 1, "="));
            let at = at + 1 + operator;
            self.to = Some(if max_len {
                let len = u64::try_from(args.int(at)?);
                Trim::MaxLen(len.map_err(|_| Error::Text("ERR The MAXLEN argument must be >= 0."))?)
            } else {
                Trim::MinId(id_at(args, at, 0)?)
            });
            return Ok(2 + operator);
        }
        if more > 0 && args.is(at, "LIMIT") {
            let limit = u64::try_from(args.int(at + 1)?);
            self.limit = Some(limit.map_err(|_| Error::Text("ERR The LIMIT argument must be >= 0."))?);
            return Ok(2);
        }
        if let Some(references) = References::named(args, at).filter(|_| self.references.is_none()) {
            self.references = Some(references);
            return Ok(1);
        }
        Ok(0)
    }

    /// Up to where entries may go; `None` when this may also change what is pending for groups.
    pub fn reach(&self) -> Option<Option<Reach>> {
        let keeps = matches!(self.references, None | Some(References::Keep));
        let whole_nodes = self.approximate;
        keeps.then(|| self.to.map(|trim| Reach { trim, whole_nodes }))
    }

    /// What the options come to together.
    pub fn finish(self, config: &Config) -> Result<Option<Trimming>, Error> {
        if self.to.is_none() && self.limit.is_some_and(|limit| limit > 0) {
            return Err(Error::Text(
                "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
            ));
        }
        if self.limit.is_some() && !self.approximate {
            return Err(Error::Text(
                "ERR syntax error, LIMIT cannot be used without the special ~ option",
            ));
        }
        let Some(to) = self.to else { return Ok(None) };
        let unsaid = match config.stream_node_max_entries as u64 {
            0 => LIMIT_WITHOUT_NODES,
            entries => entries.saturating_mul(100).min(LIMIT_MAX),
        };
        let whole_nodes = self.approximate.then(|| self.limit.unwrap_or(unsaid));
        Ok(Some(Trimming {
            to,
            whole_nodes,
            references: self.references.unwrap_or_default(),
        }))
    }
}

fn xtrim(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let mut options = TrimOptions::default();
    let mut at = 2;
    while at < args.len() {
        match options.take(args, at)? {
            0 => return Err(Error::Syntax),
            taken => at += taken,
        }
    }
    let none = Error::Text("ERR syntax error, XTRIM must be called with a trimming strategy");
    let trimming = options.finish(ctx.config)?.ok_or(none)?;
    let key = args.at(1);
    let trimmed = match ctx.keys.stream_mut(key)? {
        Some(stream) => trimming.apply(stream),
        None => 0,
    };
    if trimmed > 0 {
        ctx.keys.changed(key, Class::Stream, "xtrim");
    }
    ctx.reply.count(trimmed as usize);
    if trimming.depends_on_nodes() {
        trimming.redo(ctx, key, trimmed)?;
    }
    Ok(())
}
