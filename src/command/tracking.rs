//! What a client that caches what it reads has asked for (CLIENT TRACKING), and what may follow what.

use std::collections::BTreeSet;

use super::args::Args;
use super::error::{Error, quotable};
use crate::base::id::ClientId;

/// Of which reads, or changes, a client hears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Changes of what it has read.
    #[default]
    Reads,
    /// As `Reads`, of what it has read after CLIENT CACHING YES.
    OptIn,
    /// As `Reads`, but not of what it has read after CLIENT CACHING NO.
    OptOut,
    /// Changes of all keys with certain prefixes.
    Broadcast,
}

/// A session's tracking.
#[derive(Clone, Debug, Default)]
pub struct Tracking {
    /// Of what it hears.
    pub mode: Mode,
    /// To which client its invalidations go instead.
    pub redirect: Option<ClientId>,
    /// The last invalidation found that client gone.
    pub redirect_is_broken: bool,
    /// Whether it hears nothing of its own changes.
    pub skips_own: bool,
    /// Whether the next command is the one for which CLIENT CACHING has said something else.
    pub caching: bool,
    /// With `Broadcast`, the prefixes.
    pub prefixes: BTreeSet<Box<[u8]>>,
}

impl Tracking {
    /// Whether what the next command reads is tracked.
    pub fn takes_reads(&self) -> bool {
        match self.mode {
            Mode::Reads => true,
            Mode::OptIn => self.caching,
            Mode::OptOut => !self.caching,
            Mode::Broadcast => false,
        }
    }

    /// Whether it hears of prefixes instead of reads.
    pub fn is_broadcast(&self) -> bool {
        self.mode == Mode::Broadcast
    }

    /// Whether it hears of what `by` has changed.
    pub fn hears(&self, own: ClientId, by: ClientId) -> bool {
        !(self.skips_own && own == by)
    }
}

/// Prefixes that a client has not asked about before.
pub type NewPrefixes = Vec<Box<[u8]>>;

/// The words of CLIENT TRACKING.
#[derive(Debug, Default)]
pub struct Request {
    /// ON or OFF.
    pub on: bool,
    /// REDIRECT.
    pub redirect: Option<ClientId>,
    broadcast: bool,
    opt_in: bool,
    opt_out: bool,
    skips_own: bool,
    prefixes: Vec<Box<[u8]>>,
}

impl Request {
    /// Reads the words; `is_there` tells whether a client to redirect to exists, at the place among the words where Valkey asks.
    pub fn parse(args: Args<'_>, is_there: impl Fn(ClientId) -> bool) -> Result<Self, Error> {
        let mut request = Request::default();
        let mut at = 3;
        while at < args.len() {
            let has_value = at + 1 < args.len();
            if args.is(at, "REDIRECT") && has_value {
                at += 1;
                if request.redirect.is_some() {
                    return Err(Error::Text("ERR A client can only redirect to a single other client"));
                }
                let client = u64::try_from(args.int(at)?).ok().map(ClientId);
                request.redirect = client.filter(|&client| is_there(client));
                if request.redirect.is_none() {
                    return Err(Error::Text("ERR The client ID you want redirect to does not exist"));
                }
            } else if args.is(at, "BCAST") {
                request.broadcast = true;
            } else if args.is(at, "OPTIN") {
                request.opt_in = true;
            } else if args.is(at, "OPTOUT") {
                request.opt_out = true;
            } else if args.is(at, "NOLOOP") {
                request.skips_own = true;
            } else if args.is(at, "PREFIX") && has_value {
                at += 1;
                request.prefixes.push(args.at(at).into());
            } else {
                return Err(Error::Syntax);
            }
            at += 1;
        }
        request.on = args.is(2, "ON");
        if !request.on && !args.is(2, "OFF") {
            return Err(Error::Syntax);
        }
        Ok(request)
    }

    /// The tracking that follows `before`, and the prefixes that are new.
    pub fn follow(self, before: Option<&Tracking>) -> Result<(Tracking, NewPrefixes), Error> {
        self.check(before)?;
        let mode = match (self.broadcast, self.opt_in, self.opt_out) {
            (true, ..) => Mode::Broadcast,
            (_, true, _) => Mode::OptIn,
            (.., true) => Mode::OptOut,
            _ => Mode::Reads,
        };
        let mut prefixes = before.map(|before| before.prefixes.clone()).unwrap_or_default();
        let mut wanted = self.prefixes;
        if self.broadcast && wanted.is_empty() {
            wanted.push(Box::default());
        }
        wanted.retain(|prefix| prefixes.insert(prefix.clone()));
        let tracking = Tracking {
            mode,
            redirect: self.redirect,
            redirect_is_broken: false,
            skips_own: self.skips_own,
            caching: before.is_some_and(|before| before.caching),
            prefixes,
        };
        Ok((tracking, wanted))
    }

    fn check(&self, before: Option<&Tracking>) -> Result<(), Error> {
        if !self.broadcast && !self.prefixes.is_empty() {
            return Err(Error::Text("ERR PREFIX option requires BCAST mode to be enabled"));
        }
        if before.is_some_and(|before| before.is_broadcast() != self.broadcast) {
            return Err(Error::Text(
                "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.",
            ));
        }
        if self.broadcast && (self.opt_in || self.opt_out) {
            return Err(Error::Text("ERR OPTIN and OPTOUT are not compatible with BCAST"));
        }
        if self.opt_in && self.opt_out {
            return Err(Error::Text("ERR You can't specify both OPTIN mode and OPTOUT mode"));
        }
        let mode = before.map(|before| before.mode);
        if self.opt_in && mode == Some(Mode::OptOut) || self.opt_out && mode == Some(Mode::OptIn) {
            return Err(Error::Text(
                "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.",
            ));
        }
        self.check_prefixes(before)
    }

    /// A client would hear twice of a key with two of its prefixes.
    fn check_prefixes(&self, before: Option<&Tracking>) -> Result<(), Error> {
        for (at, prefix) in self.prefixes.iter().enumerate() {
            let overlaps = |other: &[u8]| prefix.starts_with(other) || other.starts_with(prefix);
            let mut known = before.iter().flat_map(|before| &before.prefixes);
            if let Some(other) = known.find(|other| overlaps(other)) {
                return Err(overlap(prefix, "an existing", other));
            }
            if let Some(other) = self.prefixes[at + 1..].iter().find(|other| overlaps(other)) {
                return Err(overlap(prefix, "another provided", other));
            }
        }
        Ok(())
    }
}

fn overlap(prefix: &[u8], which: &str, other: &[u8]) -> Error {
    Error::Quoted(
        [
            b"ERR Prefix '",
            quotable(prefix),
            b"' overlaps with ",
            which.as_bytes(),
            b" prefix '",
            quotable(other),
            b"'. Prefixes for a single client must not overlap.",
        ]
        .concat(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::args::OwnedArgs;

    fn request(line: &str) -> Result<Request, Error> {
        let words = OwnedArgs::from_words(line.split(' ').map(str::as_bytes));
        Request::parse(words.as_args(), |client| client == ClientId(7))
    }

    fn follow(before: Option<&Tracking>, line: &str) -> Result<Tracking, String> {
        let follow = request(line).and_then(|request| request.follow(before));
        follow.map(|(tracking, _)| tracking).map_err(|error| error.to_string())
    }

    #[test]
    fn modes_follow_each_other_only_where_that_means_something() {
        let on = |options: &str| follow(None, &format!("CLIENT TRACKING ON{options}"));
        let plain = on("").expect("there are no options");
        assert!(plain.takes_reads() && plain.hears(ClientId(1), ClientId(1)));
        let opt_in = on(" OPTIN NOLOOP REDIRECT 7").expect("the options fit");
        assert!(!opt_in.takes_reads() && !opt_in.hears(ClientId(1), ClientId(1)));
        assert_eq!((opt_in.mode, opt_in.redirect), (Mode::OptIn, Some(ClientId(7))));
        let all = on(" BCAST").expect("the options fit");
        assert!(all.prefixes.contains(b"".as_slice()) && !all.takes_reads());
        for (before, line, refusal) in [
            (None, "CLIENT TRACKING ON REDIRECT 8", "does not exist"),
            (None, "CLIENT TRACKING ON REDIRECT -1", "does not exist"),
            (
                None,
                "CLIENT TRACKING ON REDIRECT 7 REDIRECT 7",
                "only redirect to a single",
            ),
            (None, "CLIENT TRACKING ON PREFIX", "syntax error"),
            (None, "CLIENT TRACKING MAYBE", "syntax error"),
            (None, "CLIENT TRACKING ON PREFIX a", "requires BCAST"),
            (None, "CLIENT TRACKING ON BCAST OPTIN", "not compatible with BCAST"),
            (None, "CLIENT TRACKING ON OPTIN OPTOUT", "both OPTIN mode and OPTOUT"),
            (Some(&plain), "CLIENT TRACKING ON BCAST", "switch BCAST mode"),
            (Some(&all), "CLIENT TRACKING ON", "switch BCAST mode"),
            (Some(&opt_in), "CLIENT TRACKING ON OPTOUT", "switch OPTIN/OPTOUT"),
            (
                Some(&all),
                "CLIENT TRACKING ON BCAST PREFIX a",
                "Prefix 'a' overlaps with an existing prefix ''",
            ),
            (
                None,
                "CLIENT TRACKING ON BCAST PREFIX ab PREFIX x PREFIX a",
                "Prefix 'ab' overlaps with another provided prefix 'a'",
            ),
        ] {
            let refused = follow(before, line).expect_err(line);
            assert!(refused.contains(refusal), "{line}: {refused}");
        }
    }

    #[test]
    fn prefixes_add_up_and_what_caching_said_stays() {
        let (first, new) = request("CLIENT TRACKING ON BCAST PREFIX a PREFIX b")
            .and_then(|request| request.follow(None))
            .expect("the prefixes do not overlap");
        assert_eq!(new.len(), 2);
        let more = request("CLIENT TRACKING ON BCAST PREFIX c").and_then(|request| request.follow(Some(&first)));
        let (more, new) = more.expect("the prefixes do not overlap");
        assert_eq!((more.prefixes.len(), new), (3, vec![Box::from(b"c".as_slice())]));
        let caching = Tracking {
            mode: Mode::OptIn,
            caching: true,
            ..Tracking::default()
        };
        let again = follow(Some(&caching), "CLIENT TRACKING ON OPTIN").expect("the mode stays");
        assert!(again.takes_reads());
    }
}
