//! The ends of a log as they were, so that an addition and the trimming that goes with it can be taken back without a copy of all.

use super::super::id::StreamId;
use super::super::node::Node;
use super::super::tree::{Flow, Tree};
use super::{Log, Trim};
use crate::base::size_class::good_size;

/// What one addition, or trimming, or both may change.
#[derive(Debug)]
pub struct Ends {
    /// Nodes that may be trimmed, in order.
    front: Vec<(StreamId, Node)>,
    /// The last node and the counters, of a log that has nothing else.
    rest: Log,
}

impl Log {
    /// A copy of what changes when an entry is appended and then entries go from the front up to where `trim` says; O(log n + what may go).
    pub fn ends(&self, trim: Option<Trim>) -> Ends {
        let mut front = Vec::new();
        let mut excess = match trim {
            Some(Trim::MaxLen(len)) => (self.len + 1).saturating_sub(len),
            Some(Trim::MinId(_)) => u64::MAX,
            None => 0,
        };
        let _ended = self.sealed.walk(StreamId::MIN, &|_| true, &mut |first, node| {
            let stays = matches!(trim, Some(Trim::MinId(id)) if id <= first);
            if excess == 0 || stays {
                return Flow::Break(());
            }
            front.push((first, node.clone()));
            excess = excess.saturating_sub(node.live() as u64);
            Flow::Continue(())
        });
        let rest = Log {
            sealed: Tree::default(),
            tail: self.tail.clone(),
            ..*self
        };
        Ends { front, rest }
    }

    /// Makes the log what it was when its `ends` were taken. Only what these tell may have changed since.
    pub fn restore_ends(&mut self, ends: Ends) {
        let Ends { front, rest } = ends;
        if let Some((_, node)) = self.tail.take() {
            self.node_bytes -= good_size(node.capacity());
        }
        // The tail may have been sealed since.
        let changed = front.iter().chain(&rest.tail).map(|(first, _)| *first);
        for node in changed.filter_map(|first| self.sealed.remove(first)) {
            self.node_bytes -= good_size(node.capacity());
        }
        for (_, node) in front.iter().chain(&rest.tail) {
            self.node_bytes += good_size(node.capacity());
        }
        for (first, node) in front {
            self.sealed.insert(first, node);
        }
        *self = Log {
            sealed: std::mem::take(&mut self.sealed),
            node_bytes: self.node_bytes,
            ..rest
        };
    }
}
