//! The ends of a log as they were, so that an addition and the trimming that goes with it can be taken back without a copy of all.

use super::super::id::StreamId;
use super::super::node::{Extent, Node};
use super::super::tree::Flow;
use super::{Log, Trim};
use crate::base::size_class::good_size;

/// Which entries a trimming may delete.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    /// Up to where.
    pub trim: Trim,
    /// Only nodes all of which may go.
    pub whole_nodes: bool,
}

impl Reach {
    /// Whether it may delete entries of a node that begins at `first`, when so many more than may stay begin there.
    fn touches(self, first: StreamId, node: &Node, excess: u64) -> bool {
        match self.trim {
            Trim::MaxLen(_) if self.whole_nodes => excess >= node.live() as u64,
            Trim::MaxLen(_) => excess > 0,
            Trim::MinId(id) if self.whole_nodes => node.last_id() < id,
            Trim::MinId(id) => first < id,
        }
    }
}

/// What one addition, or trimming, or both may change.
#[derive(Debug)]
pub struct Ends {
    /// Nodes that may be trimmed, in order.
    front: Vec<(StreamId, Node)>,
    /// The last node.
    tail: Option<(StreamId, Tail)>,
    counters: Counters,
}

/// What a log counts.
#[derive(Clone, Copy, Debug)]
struct Counters {
    len: u64,
    last_id: StreamId,
    max_deleted_id: StreamId,
    entries_added: u64,
    appended: u64,
}

/// The last node as it was.
#[derive(Debug)]
enum Tail {
    /// All of it, since it may be trimmed.
    Whole(Node),
    /// How much of it there was, since it is only added to.
    Start(Extent),
}

impl Log {
    /// What is needed to take back an addition and then a trimming; O(log n + what may go).
    pub fn ends(&self, reach: Option<Reach>) -> Ends {
        let mut front = Vec::new();
        let mut excess = match reach.map(|reach| reach.trim) {
            Some(Trim::MaxLen(len)) => (self.len + 1).saturating_sub(len),
            _ => 0,
        };
        let reach = reach.filter(|reach| excess > 0 || matches!(reach.trim, Trim::MinId(_)));
        if let Some(reach) = reach {
            let _ended = self.sealed.walk(StreamId::MIN, &|_| true, &mut |first, node| {
                if !reach.touches(first, node, excess) {
                    return Flow::Break(());
                }
                front.push((first, node.clone()));
                excess = excess.saturating_sub(node.live() as u64);
                Flow::Continue(())
            });
        }
        let tail = self.tail.as_ref().map(|(first, node)| {
            let touched = reach.is_some_and(|reach| reach.touches(*first, node, excess));
            let tail = if touched {
                Tail::Whole(node.clone())
            } else {
                Tail::Start(node.extent())
            };
            (*first, tail)
        });
        let counters = Counters {
            len: self.len,
            last_id: self.last_id,
            max_deleted_id: self.max_deleted_id,
            entries_added: self.entries_added,
            appended: self.appended,
        };
        Ends { front, tail, counters }
    }

    /// Makes the log what it was when its `ends` were taken. Only what these tell may have changed since.
    pub fn restore_ends(&mut self, ends: Ends) {
        let Ends { front, tail, counters } = ends;
        let tail = tail.map(|(first, was)| {
            // It may have been sealed since.
            let now = self.take_node(first);
            let node = match was {
                Tail::Whole(node) => node,
                Tail::Start(extent) => now.expect("nothing was trimmed of it").cut_to(extent),
            };
            self.node_bytes += good_size(node.capacity());
            (first, node)
        });
        // What has begun since.
        if let Some((_, node)) = self.tail.take() {
            self.node_bytes -= good_size(node.capacity());
        }
        for (first, node) in front {
            drop(self.take_node(first));
            self.node_bytes += good_size(node.capacity());
            self.sealed.insert(first, node);
        }
        self.tail = tail;
        Counters {
            len: self.len,
            last_id: self.last_id,
            max_deleted_id: self.max_deleted_id,
            entries_added: self.entries_added,
            appended: self.appended,
        } = counters;
    }
}
