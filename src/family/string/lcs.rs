//! LCS: the longest common subsequence of two strings.

use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Key, Ran};

/// LCS.
pub const COMMANDS: &[Command] = &[Command::new(
    "LCS",
    "Returns the longest common subsequence of two strings, its length or where it lies.",
    Group::String,
)
.since("7.0.0")
.complexity("O(N*M)")
.arity(Arity::AtLeast(3))
.flags(Flags::READONLY)
.acl(Acl::STRING)
.keys(&[Key::at(1).range(1, 1).read()])
.args(&[
    Arg::key("key1", 0),
    Arg::key("key2", 0),
    Arg::word("len", "LEN").optional(),
    Arg::word("idx", "IDX").optional(),
    Arg::integer("min-match-len").token("MINMATCHLEN").optional(),
    Arg::word("withmatchlen", "WITHMATCHLEN").optional(),
])
.run(Exec::Keys(lcs))];

#[derive(Default)]
struct Options {
    len: bool,
    idx: bool,
    min_match: usize,
    with_match_len: bool,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Self, Error> {
        let mut options = Options::default();
        let mut at = 3;
        while at < args.len() {
            if args.is(at, "LEN") {
                options.len = true;
            } else if args.is(at, "IDX") {
                options.idx = true;
            } else if args.is(at, "WITHMATCHLEN") {
                options.with_match_len = true;
            } else if args.is(at, "MINMATCHLEN") && at + 1 < args.len() {
                at += 1;
                options.min_match = usize::try_from(args.int(at)?).unwrap_or(0);
            } else {
                return Err(Error::Syntax);
            }
            at += 1;
        }
        if options.len && options.idx {
            return Err(Error::Text(
                "ERR If you want both the length and indexes, please just use IDX.",
            ));
        }
        Ok(options)
    }
}

/// A run of bytes that both strings have: where it begins in each, and how long it is.
struct Match {
    in_one: usize,
    in_other: usize,
    len: usize,
}

fn lcs(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let one = operand(ctx, args.at(1));
    let other = operand(ctx, args.at(2));
    let not_strings = Error::Text("ERR The specified keys must contain string values");
    let (one, other) = one.zip(other).ok_or(not_strings)?;
    let options = Options::parse(args)?;
    let table = Table::new(&one, &other, ctx.config.proto_max_bulk_len)?;
    let len = table.length(one.len(), other.len());
    if options.len {
        ctx.reply.count(len);
        return Ok(());
    }
    let matches = table.matches(&one, &other);
    if options.idx {
        reply_matches(ctx, &matches, &options, len);
    } else {
        let parts = matches.iter().rev();
        let common: Vec<u8> = parts
            .flat_map(|found| &one[found.in_one..found.in_one + found.len])
            .copied()
            .collect();
        ctx.reply.bulk(&common);
    }
    Ok(())
}

/// The string at `key`, empty when there is none; `None` when it is no string.
fn operand(ctx: &mut Context<'_>, key: &[u8]) -> Option<Vec<u8>> {
    match ctx.keys.lookup(key) {
        None => Some(Vec::new()),
        Some(entry) => entry.as_string().map(|string| string.bytes().into_owned()),
    }
}

fn reply_matches(ctx: &mut Context<'_>, matches: &[Match], options: &Options, len: usize) {
    let shown = || matches.iter().filter(|found| found.len >= options.min_match);
    ctx.reply.map(2);
    ctx.reply.bulk(b"matches");
    ctx.reply.array(shown().count());
    for found in shown() {
        ctx.reply.array(if options.with_match_len { 3 } else { 2 });
        for start in [found.in_one, found.in_other] {
            ctx.reply.array(2);
            ctx.reply.count(start);
            ctx.reply.count(start + found.len - 1);
        }
        if options.with_match_len {
            ctx.reply.count(found.len);
        }
    }
    ctx.reply.bulk(b"len");
    ctx.reply.count(len);
}

/// The lengths of the longest common subsequences of all pairs of prefixes (dynamic programming); O(n * m) time and space.
struct Table {
    cells: Vec<u32>,
    columns: usize,
}

impl Table {
    fn new(one: &[u8], other: &[u8], bytes_max: usize) -> Result<Self, Error> {
        let columns = other.len() + 1;
        let size = (one.len() + 1).checked_mul(columns);
        let size = size.filter(|size| *size <= bytes_max / size_of::<u32>());
        let size = size.ok_or(Error::Text(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ))?;
        let mut cells = vec![0; size];
        for (row, byte) in one.iter().enumerate() {
            let (done, rest) = cells.split_at_mut((row + 1) * columns);
            let above = &done[row * columns..];
            for (column, other_byte) in other.iter().enumerate() {
                rest[column + 1] = if byte == other_byte {
                    above[column] + 1
                } else {
                    above[column + 1].max(rest[column])
                };
            }
        }
        Ok(Table { cells, columns })
    }

    fn length(&self, one: usize, other: usize) -> usize {
        self.cells[one * self.columns + other] as usize
    }

    /// The runs of one longest common subsequence, the last one first: the one that Valkey finds, walking back from the ends.
    fn matches(&self, one: &[u8], other: &[u8]) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        let (mut row, mut column) = (one.len(), other.len());
        while row > 0 && column > 0 {
            if one[row - 1] == other[column - 1] {
                row -= 1;
                column -= 1;
                match matches.last_mut() {
                    Some(last) if last.in_one == row + 1 && last.in_other == column + 1 => {
                        last.in_one = row;
                        last.in_other = column;
                        last.len += 1;
                    }
                    _ => matches.push(Match {
                        in_one: row,
                        in_other: column,
                        len: 1,
                    }),
                }
            } else if self.length(row - 1, column) > self.length(row, column - 1) {
                row -= 1;
            } else {
                column -= 1;
            }
        }
        matches
    }
}
