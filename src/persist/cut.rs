//! Where logs end after a crash: before the first transaction over several shards of which a part is missing, so that each is there as a whole or not
//! at all, and nothing is there that came after one that is not.

use hashbrown::HashMap;

use super::scan::{Part, Scan};
use crate::base::id::{ShardId, TxId};

/// Shortens what was found in the files of the shards until every transaction in it is whole. O(parts) for each round; a round without a change is
/// the last.
pub fn cut(scans: &mut [Scan]) {
    while let Some((shard, part)) = incomplete(scans) {
        let scan = &mut scans[shard];
        scan.torn_bytes += scan.bytes - part.offset;
        (scan.frames, scan.bytes) = (part.frame, part.offset);
        scan.parts.retain(|other| other.frame < part.frame);
    }
}

/// The first part, of some shard, of a transaction that is not whole.
fn incomplete(scans: &[Scan]) -> Option<(usize, Part)> {
    let mut present: HashMap<(TxId, ShardId), ()> = HashMap::new();
    for (shard, scan) in scans.iter().enumerate() {
        let shard = ShardId(shard as u16);
        present.extend(scan.parts.iter().map(|part| ((part.tx, shard), ())));
    }
    let is_whole = |part: &&Part| part.shards.iter().all(|&shard| present.contains_key(&(part.tx, shard)));
    scans.iter().enumerate().find_map(|(shard, scan)| {
        let part = scan.parts.iter().find(|part| !is_whole(part))?;
        Some((shard, part.clone()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with these transactions, a frame of ten bytes each, 0 standing for what is no part of any.
    fn file(transactions: &[(u64, &[u16])]) -> Scan {
        let part = |(at, (tx, shards)): (usize, &(u64, &[u16]))| Part {
            frame: at as u64,
            offset: at as u64 * 10,
            tx: TxId(*tx),
            shards: shards.iter().map(|&shard| ShardId(shard)).collect(),
        };
        let parts = transactions
            .iter()
            .enumerate()
            .filter(|(_, (tx, _))| *tx != 0)
            .map(part);
        Scan {
            bytes: transactions.len() as u64 * 10,
            frames: transactions.len() as u64,
            torn_bytes: 0,
            parts: parts.collect(),
        }
    }

    fn lengths(mut scans: Vec<Scan>) -> Vec<u64> {
        cut(&mut scans);
        scans.iter().map(|scan| scan.frames).collect()
    }

    #[test]
    fn logs_end_before_what_is_not_whole() {
        let whole = vec![file(&[(1, &[0, 1]), (0, &[])]), file(&[(0, &[]), (1, &[0, 1])])];
        assert_eq!(lengths(whole), [2, 2]);
        // The second shard lacks transaction 2, so the first ends before it, and with that the third before 3, which the first has behind it.
        let torn = vec![
            file(&[(1, &[0, 1]), (0, &[]), (2, &[0, 1]), (3, &[0, 2]), (0, &[])]),
            file(&[(1, &[0, 1])]),
            file(&[(0, &[]), (3, &[0, 2]), (0, &[])]),
        ];
        assert_eq!(lengths(torn), [2, 1, 1]);
        // Transactions that have passed each other are whole.
        let crossed = vec![file(&[(1, &[0, 1]), (2, &[0, 1])]), file(&[(2, &[0, 1]), (1, &[0, 1])])];
        assert_eq!(lengths(crossed), [2, 2]);
    }
}
