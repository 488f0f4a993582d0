//! The first words between a replica and its primary, up to how the primary's data will come.

use super::LinkError;
use super::requests::push_request;
use crate::command::primary::Settings;

/// The version whose forms of values are understood.
const VERSION: &[u8] = b"9.1.2";
const MARK_BYTES: usize = 40;

/// Where in which history of a primary this server stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Its name.
    pub id: String,
    /// How much of its stream has been applied, bytes.
    pub offset: u64,
    /// The database that the stream has selected there.
    pub db: u64,
}

/// What the primary does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It sends all its data, then its stream from here on.
    Full(History),
    /// It sends its stream from where this server stands, by this name from now on, if it is another.
    Continue(Option<String>),
}

/// How the end of the data is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// By its length.
    Sized(u64),
    /// By the bytes that follow it.
    Marked([u8; MARK_BYTES]),
}

/// What is asked, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Ping,
    Auth,
    Port,
    Address,
    Abilities,
    Version,
    Sync,
}

impl Step {
    const ALL: [Step; 7] = [
        Step::Ping,
        Step::Auth,
        Step::Port,
        Step::Address,
        Step::Abilities,
        Step::Version,
        Step::Sync,
    ];

    fn name(self) -> &'static str {
        match self {
            Step::Ping => "PING",
            Step::Auth => "AUTH",
            Step::Sync => "PSYNC",
            _ => "REPLCONF",
        }
    }
}

/// A handshake under way.
pub struct Handshake<'s> {
    settings: &'s Settings,
    history: Option<&'s History>,
    /// How many steps have been asked.
    asked: usize,
}

impl<'s> Handshake<'s> {
    /// A handshake that has not begun, of a server that stands there, if anywhere.
    pub fn new(settings: &'s Settings, history: Option<&'s History>) -> Self {
        Handshake {
            settings,
            history,
            asked: 0,
        }
    }

    /// The next request, which is answered by one line.
    pub fn ask(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while out.is_empty()
            && let Some(step) = Step::ALL.get(self.asked)
        {
            self.asked += 1;
            self.write(*step, &mut out);
        }
        out
    }

    fn write(&self, step: Step, out: &mut Vec<u8>) {
        let Settings {
            user,
            password,
            announced_ip,
            announced_port,
            ..
        } = self.settings;
        let port = announced_port.to_string();
        match step {
            Step::Ping => push_request(&[b"PING"], out),
            Step::Auth if password.is_empty() => {}
            Step::Auth if user.is_empty() => push_request(&[b"AUTH", password.as_bytes()], out),
            Step::Auth => push_request(&[b"AUTH", user.as_bytes(), password.as_bytes()], out),
            Step::Port => push_request(&[b"REPLCONF", b"listening-port", port.as_bytes()], out),
            Step::Address if announced_ip.is_empty() => {}
            Step::Address => push_request(&[b"REPLCONF", b"ip-address", announced_ip.as_bytes()], out),
            Step::Abilities => push_request(&[b"REPLCONF", b"capa", b"eof", b"capa", b"psync2"], out),
            Step::Version => push_request(&[b"REPLCONF", b"version", VERSION], out),
            Step::Sync => match self.history {
                None => push_request(&[b"PSYNC", b"?", b"-1"], out),
                Some(History { id, offset, .. }) => {
                    let next = offset.saturating_add(1).to_string();
                    push_request(&[b"PSYNC", id.as_bytes(), next.as_bytes()], out);
                }
            },
        }
    }

    /// Takes in the line that answers the last request; tells what the primary does once it has said so.
    pub fn hear(&self, line: &[u8]) -> Result<Option<Answer>, LinkError> {
        let step = Step::ALL[self.asked.saturating_sub(1)];
        let refused = || LinkError::Refused {
            what: step.name(),
            answer: String::from_utf8_lossy(line).into_owned(),
        };
        match (step, line.first()) {
            // That one must authenticate first is an answer to PING.
            (Step::Ping, Some(b'-')) if line.starts_with(b"-NOAUTH") || line.starts_with(b"-NOPERM") => Ok(None),
            (Step::Ping | Step::Auth, Some(b'+')) => Ok(None),
            (Step::Ping | Step::Auth, _) => Err(refused()),
            // An older primary does not know all of it.
            (Step::Sync, _) => answer(line).map(Some).ok_or_else(refused),
            _ => Ok(None),
        }
    }
}

fn answer(line: &[u8]) -> Option<Answer> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_ascii_whitespace();
    match (words.next()?, words.next(), words.next()) {
        ("+FULLRESYNC", Some(id), Some(offset)) => Some(Answer::Full(History {
            id: id.to_owned(),
            offset: offset.parse().ok()?,
            db: 0,
        })),
        ("+CONTINUE", id, None) => Some(Answer::Continue(id.map(str::to_owned))),
        _ => None,
    }
}

impl Transfer {
    /// What the line in front of the data tells.
    pub fn of_line(line: &[u8]) -> Result<Transfer, LinkError> {
        if line.first() == Some(&b'-') {
            return Err(LinkError::Refused {
                what: "PSYNC",
                answer: String::from_utf8_lossy(line).into_owned(),
            });
        }
        let mark = line.strip_prefix(b"$EOF:".as_slice());
        let nonsense = LinkError::Nonsense("no length of the data");
        if let Some(mark) = mark {
            return mark.try_into().map(Transfer::Marked).map_err(|_| nonsense);
        }
        let digits = line
            .strip_prefix(b"$".as_slice())
            .and_then(|digits| std::str::from_utf8(digits).ok());
        digits
            .and_then(|digits| digits.parse().ok())
            .map(Transfer::Sized)
            .ok_or(nonsense)
    }

    /// How many bytes come in all; 0 when that is not told.
    pub fn bytes(&self) -> u64 {
        match self {
            Transfer::Sized(bytes) => *bytes,
            Transfer::Marked(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(request: &[u8]) -> String {
        let text = String::from_utf8_lossy(request).into_owned();
        let words = text.split("\r\n").filter(|word| !word.starts_with(['*', '$']));
        words.collect::<Vec<_>>().join(" ").trim().to_owned()
    }

    #[test]
    fn what_is_known_is_asked_for_and_what_is_not_configured_is_left_out() {
        let plain = Settings {
            announced_port: 7000,
            ..Settings::default()
        };
        let full = Settings {
            user: "u".into(),
            password: "p".into(),
            announced_ip: "10.0.0.1".into(),
            ..plain.clone()
        };
        let history = History {
            id: "abc".into(),
            offset: 14,
            db: 3,
        };
        let said = |mut handshake: Handshake<'_>| {
            let mut said = Vec::new();
            loop {
                let request = handshake.ask();
                if request.is_empty() {
                    return said;
                }
                said.push(words(&request));
            }
        };
        let version = "REPLCONF version 9.1.2";
        assert_eq!(
            said(Handshake::new(&plain, None)),
            [
                "PING",
                "REPLCONF listening-port 7000",
                "REPLCONF capa eof capa psync2",
                version,
                "PSYNC ? -1"
            ]
        );
        let all = said(Handshake::new(&full, Some(&history)));
        assert_eq!(
            [&*all[1], &*all[3], &*all[6]],
            ["AUTH u p", "REPLCONF ip-address 10.0.0.1", "PSYNC abc 15"]
        );
    }

    #[test]
    fn answers_are_understood() {
        let settings = Settings::default();
        let mut handshake = Handshake::new(&settings, None);
        handshake.ask();
        assert!(matches!(handshake.hear(b"-NOAUTH Authentication required."), Ok(None)));
        assert!(handshake.hear(b"-LOADING").is_err());
        (0..4).for_each(|_| drop(handshake.ask()));
        let full = History {
            id: "abc".into(),
            offset: 7,
            db: 0,
        };
        let hear = |line: &str| handshake.hear(line.as_bytes()).ok().flatten();
        assert_eq!(hear("+FULLRESYNC abc 7"), Some(Answer::Full(full)));
        assert_eq!(hear("+CONTINUE"), Some(Answer::Continue(None)));
        assert_eq!(hear("+CONTINUE xyz"), Some(Answer::Continue(Some("xyz".into()))));
        assert_eq!(hear("+FULLRESYNC abc x"), None);
        assert_eq!(
            hear("-NOMASTERLINK Can't SYNC while not connected with my master"),
            None
        );
        assert_eq!(Transfer::of_line(b"$12").ok(), Some(Transfer::Sized(12)));
        assert_eq!(
            Transfer::of_line(&[b"$EOF:".as_slice(), &[b'x'; 40]].concat()).ok(),
            Some(Transfer::Marked([b'x'; 40]))
        );
        assert!(Transfer::of_line(b"$EOF:short").is_err());
        assert!(Transfer::of_line(b"-ERR").is_err());
    }
}
