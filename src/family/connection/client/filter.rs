//! Which clients CLIENT LIST and CLIENT KILL are about.

use super::list::{age_s, flags, idle_s};
use crate::base::id::ClientId;
use crate::base::time::Now;
use crate::command::{Arg, Args, Error, Session};

/// The choices of SKIPME.
pub const YES_NO: &[Arg] = &[Arg::word("yes", "YES"), Arg::word("no", "NO")];

/// Letters that FLAGS may ask for.
const FLAG_LETTERS: &[u8] = b"AbBcdeiIMNOPrRStTuUx";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientType {
    Normal,
    Primary,
    Replica,
    PubSub,
}

/// Conditions on clients, or on what clients must not be.
#[derive(Default)]
struct Conditions<'a> {
    ids: Vec<u64>,
    kind: Option<ClientType>,
    /// A user was named; there is only one.
    user: bool,
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    name: Option<&'a [u8]>,
    flags: Option<&'a [u8]>,
    lib_name: Option<&'a [u8]>,
    lib_version: Option<&'a [u8]>,
    db: Option<u32>,
    capabilities: Option<&'a [u8]>,
    ip: Option<&'a [u8]>,
}

/// The parsed options.
pub struct Filter<'a> {
    is: Conditions<'a>,
    is_not: Conditions<'a>,
    skip_caller: bool,
    age_min_s: i64,
    idle_min_s: i64,
}

impl<'a> Filter<'a> {
    /// Reads options from word `at` on; `skip_caller` is what SKIPME is when it is not said.
    pub fn parse(args: Args<'a>, mut at: usize, skip_caller: bool, databases: usize) -> Result<Self, Error> {
        let mut filter = Filter {
            is: Conditions::default(),
            is_not: Conditions::default(),
            skip_caller,
            age_min_s: 0,
            idle_min_s: 0,
        };
        while let Some(option) = args.get(at) {
            let value = args.get(at + 1).ok_or(Error::Syntax)?;
            let upper = option.to_ascii_uppercase();
            match upper.as_slice() {
                b"SKIPME" if value.eq_ignore_ascii_case(b"yes") => filter.skip_caller = true,
                b"SKIPME" if value.eq_ignore_ascii_case(b"no") => filter.skip_caller = false,
                b"MAXAGE" => filter.age_min_s = seconds(args, at + 1, "maxage")?,
                b"IDLE" => filter.idle_min_s = seconds(args, at + 1, "idle")?,
                b"ID" => at += filter.is.parse_ids(args, at + 1)?,
                b"NOT-ID" => at += filter.is_not.parse_ids(args, at + 1)?,
                name => match name.strip_prefix(b"NOT-") {
                    Some(name) => filter.is_not.parse(name, value, "NOT-", databases)?,
                    None => filter.is.parse(name, value, "", databases)?,
                },
            }
            at += 2;
        }
        Ok(filter)
    }

    /// Whether all conditions hold for a client.
    pub fn takes(&self, session: &Session, now: Now, caller: ClientId) -> bool {
        let is_caller = session.client == caller;
        !(self.skip_caller && is_caller)
            && (self.age_min_s == 0 || age_s(session, now) >= self.age_min_s)
            && (self.idle_min_s == 0 || idle_s(session, now) >= self.idle_min_s)
            && self.is.tests(session).all(|holds| holds)
            && !self.is_not.tests(session).any(|holds| holds)
    }
}

impl<'a> Conditions<'a> {
    /// Reads the numbers that follow; answers how many beyond the first.
    fn parse_ids(&mut self, args: Args<'_>, first: usize) -> Result<usize, Error> {
        self.ids.clear();
        let mut at = first;
        while let Ok(id) = args.int(at) {
            let id = u64::try_from(id).ok().filter(|&id| id > 0);
            self.ids
                .push(id.ok_or(Error::Text("ERR client-id should be greater than 0"))?);
            at += 1;
        }
        if at == first {
            return Err(Error::Syntax);
        }
        Ok(at - first - 1)
    }

    fn parse(&mut self, name: &[u8], value: &'a [u8], not: &str, databases: usize) -> Result<(), Error> {
        match name {
            b"TYPE" => self.kind = Some(client_type(value)?),
            b"USER" if value == b"default" => self.user = true,
            b"USER" => return Err(Error::quoting("ERR No such user '", value, "'")),
            b"ADDR" => self.address = Some(value),
            b"LADDR" => self.local_address = Some(value),
            b"NAME" => self.name = Some(value),
            b"FLAGS" => self.flags = Some(letters(value, FLAG_LETTERS, "flags", not)?),
            b"LIB-NAME" => self.lib_name = Some(value),
            b"LIB-VER" => self.lib_version = Some(value),
            b"DB" => self.db = Some(database(value, not, databases)?),
            b"CAPA" => self.capabilities = Some(letters(value, b"r", "capa", not)?),
            b"IP" => self.ip = Some(value),
            _ => return Err(Error::Syntax),
        }
        Ok(())
    }

    /// Whether each condition that was given holds for a client.
    fn tests(&self, session: &Session) -> impl Iterator<Item = bool> {
        let kind = if session.from_primary {
            ClientType::Primary
        } else if session.is_subscriber() {
            ClientType::PubSub
        } else {
            ClientType::Normal
        };
        let address = session.address.as_bytes();
        let ip = &address[..address.iter().rposition(|&byte| byte == b':').unwrap_or(address.len())];
        let flags = flags(session);
        let capability: &[u8] = if session.redirect_capable { b"r" } else { b"" };
        let is = |wanted: Option<&[u8]>, found: &[u8]| wanted.map(|wanted| wanted == found);
        let has = |wanted: Option<&[u8]>, found: &[u8]| {
            wanted.map(|wanted| wanted.iter().all(|letter| found.contains(letter)))
        };
        [
            (!self.ids.is_empty()).then(|| self.ids.contains(&session.client.0)),
            self.kind.map(|wanted| wanted == kind),
            self.user.then_some(true),
            is(self.address, address),
            is(self.local_address, session.local_address.as_bytes()),
            is(self.name, &session.name),
            has(self.flags, flags.as_bytes()),
            is(self.lib_name, &session.lib_name),
            is(self.lib_version, &session.lib_version),
            self.db.map(|wanted| wanted == session.db.0),
            has(self.capabilities, capability),
            is(self.ip, ip),
        ]
        .into_iter()
        .flatten()
    }
}

fn seconds(args: Args<'_>, at: usize, name: &str) -> Result<i64, Error> {
    match args.int(at) {
        Ok(seconds) if seconds > 0 => Ok(seconds),
        Ok(_) => Err(Error::Composed(format!("ERR {name} should be greater than 0"))),
        Err(_) => Err(Error::Composed(format!("ERR {name} is not an integer or out of range"))),
    }
}

fn client_type(name: &[u8]) -> Result<ClientType, Error> {
    match name.to_ascii_lowercase().as_slice() {
        b"normal" => Ok(ClientType::Normal),
        b"master" | b"primary" => Ok(ClientType::Primary),
        b"slave" | b"replica" => Ok(ClientType::Replica),
        b"pubsub" => Ok(ClientType::PubSub),
        _ => Err(Error::quoting("ERR Unknown client type '", name, "'")),
    }
}

fn letters<'a>(value: &'a [u8], known: &[u8], what: &str, not: &str) -> Result<&'a [u8], Error> {
    if value.iter().all(|letter| known.contains(letter)) {
        return Ok(value);
    }
    let place = match not {
        "" => "provided".to_owned(),
        not => format!("{not}{}", what.to_ascii_uppercase()),
    };
    let text = format!("ERR Unknown {what} found in the {place} filter: ");
    Err(Error::quoting(&text, value, ""))
}

fn database(value: &[u8], not: &str, databases: usize) -> Result<u32, Error> {
    let Some(number) = crate::base::number::parse_i64(value) else {
        return Err(Error::Composed(format!(
            "ERR {not}DB is not an integer or out of range"
        )));
    };
    match u32::try_from(number) {
        Ok(db) if (db as usize) < databases => Ok(db),
        _ => Err(Error::Composed(format!(
            "ERR {not}DB number should be between 0 and {}",
            databases - 1
        ))),
    }
}
