//! Whether a history is strictly serializable: some order of its operations respects real time and each client's own order, and explains
//! every reply (Wing and Gong's search with Lowe's memory of visited states).

use std::collections::HashSet;
use std::fmt;

use crate::model::{Op, State};
use crate::reply::Value;

/// An operation with what came of it; times are steps of the world.
#[derive(Clone, Debug)]
pub struct Event {
    pub client: usize,
    pub op: Op,
    pub invoked: u64,
    /// When and what was answered; `None`: never, so that it may or may not have happened.
    pub answered: Option<(u64, Value)>,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = match &self.op {
            Op::Plain(words) => words.join(" "),
            Op::Block(commands) => commands
                .iter()
                .map(|words| words.join(" "))
                .collect::<Vec<_>>()
                .join("; "),
        };
        match &self.answered {
            Some((when, value)) => write!(
                f,
                "client {} [{:4}, {when:4}] {op} -> {value:?}",
                self.client, self.invoked
            ),
            None => write!(f, "client {} [{:4},     ] {op}", self.client, self.invoked),
        }
    }
}

/// Searches for an order; the error tells how far the best attempt came.
pub fn check(events: &[Event]) -> Result<(), String> {
    let clients = events.iter().map(|event| event.client + 1).max().unwrap_or(0);
    let mut lines: Vec<Vec<&Event>> = vec![Vec::new(); clients];
    events.iter().for_each(|event| lines[event.client].push(event));
    let mut search = Search {
        lines,
        visited: HashSet::new(),
        best: Vec::new(),
    };
    let start = vec![0; clients];
    if search.from(&start, &State::default()) {
        return Ok(());
    }
    let mut text = String::from("no order explains the history (`>` is where the longest explained part ends):\n");
    for (line, &best) in search.lines.iter().zip(&search.best) {
        for (at, event) in line.iter().enumerate() {
            let mark = if at == best { '>' } else { ' ' };
            text += &format!("{mark} {event}\n");
        }
    }
    Err(text)
}

struct Search<'e> {
    lines: Vec<Vec<&'e Event>>,
    visited: HashSet<(Vec<usize>, State)>,
    best: Vec<usize>,
}

impl Search<'_> {
    fn from(&mut self, at: &[usize], state: &State) -> bool {
        if at.iter().sum::<usize>() >= self.best.iter().sum::<usize>() {
            self.best = at.to_vec();
        }
        if self.only_unanswered_left(at) {
            return true;
        }
        if !self.visited.insert((at.to_vec(), state.clone())) {
            return false;
        }
        // Whatever comes next must have been invoked before the earliest answer that is still to be explained.
        let next = |client: usize| self.lines[client].get(at[client]).copied();
        let earliest = (0..at.len())
            .filter_map(next)
            .filter_map(|event| event.answered.as_ref())
            .map(|(when, _)| *when)
            .min();
        let candidates: Vec<usize> = (0..at.len())
            .filter(|&client| next(client).is_some_and(|event| earliest.is_none_or(|when| event.invoked <= when)))
            .collect();
        candidates.into_iter().any(|client| self.take(at, client, state))
            || state.paid().any(|paid| self.from(at, &paid))
            || state.expired().any(|expired| self.from(at, &expired))
    }

    fn only_unanswered_left(&self, at: &[usize]) -> bool {
        self.lines
            .iter()
            .zip(at)
            .all(|(line, &at)| line[at..].iter().all(|event| event.answered.is_none()))
    }

    fn take(&mut self, at: &[usize], client: usize, state: &State) -> bool {
        let event = self.lines[client][at[client]];
        let mut further = at.to_vec();
        further[client] += 1;
        let mut after = state.clone();
        let result = after.apply(event.client, &event.op);
        match (&event.answered, result) {
            (Some((_, Value::Nil)), None) if state.may_time_out(&event.op) => self.from(&further, state),
            (Some((_, answer)), Some(result)) if *answer == result => self.from(&further, &after),
            // What was never answered may have happened, or not (see `only_unanswered_left`, and skipping it here).
            // What a client has waited for and is not there to get, is put back after a while.
            (None, result) => {
                let owing = result.as_ref().and_then(|reply| after.owing(&event.op, reply));
                result.is_some() && self.from(&further, &after)
                    || owing.is_some_and(|owing| self.from(&further, &owing))
                    || self.from(&further, state)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(client: usize, line: &str, invoked: u64, answered: u64, value: Value) -> Event {
        Event {
            client,
            op: Op::plain(line),
            invoked,
            answered: Some((answered, value)),
        }
    }

    #[test]
    fn a_read_that_misses_an_earlier_write_is_seen() {
        let write = event(0, "SET a 1", 1, 2, Value::Simple("OK".into()));
        let stale = event(1, "GET a", 3, 4, Value::Nil);
        assert!(check(&[write.clone(), stale]).is_err());
        let overlapping = event(1, "GET a", 1, 4, Value::Nil);
        assert!(check(&[write, overlapping]).is_ok());
    }

    #[test]
    fn an_element_popped_twice_is_seen() {
        let push = event(0, "LPUSH l x", 1, 2, Value::Int(1));
        let item = || Value::Array(vec![Value::Bulk("l".into()), Value::Bulk("x".into())]);
        let one = event(1, "BLPOP l 0", 1, 5, item());
        let two = event(2, "BLPOP l 0", 1, 6, item());
        assert!(check(&[push.clone(), one.clone()]).is_ok());
        assert!(check(&[push, one, two]).is_err());
    }

    #[test]
    fn what_a_client_that_left_gave_back_may_be_missed_for_a_while() {
        let push = event(0, "LPUSH l x", 1, 2, Value::Int(1));
        let gone = Event {
            answered: None,
            ..event(1, "BLPOP l 0", 1, 1, Value::Nil)
        };
        let missed = event(2, "LLEN l", 3, 4, Value::Int(0));
        let found = event(2, "LLEN l", 5, 6, Value::Int(1));
        let doubled = event(2, "LLEN l", 5, 6, Value::Int(2));
        assert!(check(&[push.clone(), gone.clone(), missed.clone(), found.clone()]).is_ok());
        assert!(check(&[push.clone(), gone, missed.clone(), doubled]).is_err());
        assert!(check(&[push, missed, found]).is_err());
    }
}
