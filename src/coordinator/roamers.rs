//! Scripts that have needed keys of several shards, and which: one that needs the same again and again takes them from the start. Only a forecast:
//! what is missing all the same makes it begin again.

use hashbrown::HashMap;

use crate::base::hash::table_hash;
use crate::command::Args;

/// How many scripts are remembered.
const SCRIPTS_MAX: usize = 1024;
/// Keys beyond which a script is not remembered: such needs hardly repeat.
const KEYS_MAX: usize = 64;
/// How often in a row a script must have needed the same.
const TIMES_MIN: u32 = 2;
/// After so many runs by forecast a script runs without, to see whether it still needs what it did.
const TRUSTED_RUNS: u32 = 64;

/// What a script has needed beside the keys that it declares; `None`: everything.
pub(super) type Beside = Option<Vec<Box<[u8]>>>;

struct Roamer {
    beside: Beside,
    times: u32,
    runs: u32,
}

/// What scripts of this core's clients have needed.
#[derive(Default)]
pub(super) struct Roamers {
    scripts: HashMap<u64, Roamer>,
}

/// A script by its text, digest or name; two that collide share a forecast.
fn name(args: Args<'_>) -> u64 {
    table_hash(args.at(1))
}

impl Roamers {
    /// Whether no script has needed keys of several shards.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.scripts.is_empty()
    }

    /// What the script will need beside the keys that it declares, if that can be told.
    pub fn forecast(&mut self, args: Args<'_>) -> Option<Beside> {
        let roamer = self.scripts.get_mut(&name(args))?;
        if roamer.times < TIMES_MIN {
            return None;
        }
        roamer.runs += 1;
        if roamer.runs > TRUSTED_RUNS {
            roamer.times = TIMES_MIN - 1;
            roamer.runs = 0;
            return None;
        }
        Some(roamer.beside.clone())
    }

    /// The script has run without a forecast and needed this.
    pub fn learn(&mut self, args: Args<'_>, beside: Beside) {
        let name = name(args);
        if beside.as_ref().is_some_and(|keys| keys.len() > KEYS_MAX) {
            self.scripts.remove(&name);
            return;
        }
        if self.scripts.len() >= SCRIPTS_MAX && !self.scripts.contains_key(&name) {
            self.scripts.clear();
        }
        match self.scripts.get_mut(&name) {
            Some(roamer) if roamer.beside == beside => roamer.times += 1,
            _ => {
                let roamer = Roamer {
                    beside,
                    times: 1,
                    runs: 0,
                };
                self.scripts.insert(name, roamer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::args::OwnedArgs;

    #[test]
    fn what_is_needed_twice_is_taken_from_the_start_until_it_is_tried_without() {
        let words = OwnedArgs::from_words([b"EVALSHA".as_slice(), b"digest", b"0"]);
        let args = words.as_args();
        let key = |name: &str| Some(vec![Box::from(name.as_bytes())]);
        let mut roamers = Roamers::default();
        assert!(roamers.is_empty() && roamers.forecast(args).is_none());
        roamers.learn(args, key("a"));
        roamers.learn(args, key("b"));
        assert_eq!(roamers.forecast(args), None);
        roamers.learn(args, key("b"));
        for _ in 0..TRUSTED_RUNS {
            assert_eq!(roamers.forecast(args), Some(key("b")));
        }
        assert_eq!(roamers.forecast(args), None);
        roamers.learn(args, None);
        roamers.learn(args, None);
        assert_eq!(roamers.forecast(args), Some(None));
    }
}
