//! The link of a replica to its primary: a thread that calls the primary whenever one is wanted, and follows it.
//!
//! Owns when the primary is called and what is known of its history. What is said stands in `replication`; what the primary sends is
//! run by this server through a connection of its own ([`local`]). It must not know what the commands do.

mod call;
mod local;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use call::Call;
use local::Local;

use crate::command::primary::{LinkState, PrimaryLink, Settings, Wanted};
use crate::coordinator::Shared;
use crate::replication::{
    Answer, Due, Handshake, History, LinkError, Load, Position, Stream, Transfer, Use, push_selection,
};
use crate::rt::{Handle, monotonic_us};

/// How soon a primary is called again.
const RETRY: Duration = Duration::from_secs(1);
/// How long the thread sleeps while no primary is wanted; it is woken when one is.
const REST: Duration = Duration::from_secs(3600);
/// How many bytes of requests are handed to this server at once.
const PORTION_BYTES: usize = 64 << 10;
/// How long this server may take for what it was handed before the link ended; after that all begins anew.
const LAST_ANSWERS: Duration = Duration::from_secs(60);

/// Starts the thread.
pub fn start<T: Send + 'static>(handle: Handle<T>, shared: Arc<Shared>) {
    let link = Follower {
        handle,
        shared,
        wanted: Wanted::default(),
        history: None,
        told: String::new(),
    };
    if let Err(error) = thread::Builder::new()
        .name("primary-link".into())
        .spawn(move || link.run())
    {
        log::warn!("No thread to follow a primary: {error}");
    }
}

struct Follower<T> {
    handle: Handle<T>,
    shared: Arc<Shared>,
    wanted: Wanted,
    /// Where this server stands, while its data is that of a primary.
    history: Option<History>,
    /// The last error that was told: one that repeats is told once.
    told: String,
}

impl<T: Send + 'static> Follower<T> {
    fn link(&self) -> &PrimaryLink {
        &self.shared.primary_link
    }

    fn enter(&self, state: LinkState) {
        self.link().set_state(state, monotonic_us());
    }

    fn is_wanted(&self) -> bool {
        self.link().wanted() == self.wanted
    }

    fn run(mut self) {
        loop {
            let wanted = self.link().wanted();
            if wanted.promotions != self.wanted.promotions {
                self.forget();
            }
            self.wanted = wanted;
            let Some((host, port)) = self.wanted.primary.clone() else {
                self.link().wait_for_other(&self.wanted, REST);
                continue;
            };
            self.enter(LinkState::Connecting);
            let outcome = self.follow(&host, port);
            self.enter(LinkState::Down);
            match outcome {
                Ok(()) => log::info!("The link to the primary {host}:{port} is not wanted any more"),
                Err(error) => {
                    self.tell(&format!("The link to the primary {host}:{port} has ended: {error}"));
                    self.link().wait_for_other(&self.wanted, RETRY);
                }
            }
        }
    }

    fn tell(&mut self, text: &str) {
        if self.told != text {
            log::warn!("{text}");
            text.clone_into(&mut self.told);
        }
    }

    fn forget(&mut self) {
        self.history = None;
        self.link().set_history("");
    }

    /// Follows a primary until another one is wanted.
    fn follow(&mut self, host: &str, port: u16) -> Result<(), LinkError> {
        let settings = self.link().settings();
        let mut call = Call::connect(host, port, &settings)?;
        self.enter(LinkState::Handshake);
        let Some(answer) = self.shake_hands(&mut call, &settings)? else {
            return Ok(());
        };
        log::info!("The primary {host}:{port} has answered");
        let local = match answer {
            Answer::Continue(id) => self.go_on(&call, id)?,
            Answer::Full(history) => match self.take_over(&mut call, &settings, history)? {
                Some(local) => local,
                None => return Ok(()),
            },
        };
        self.enter(LinkState::Up);
        self.told.clear();
        let outcome = self.run_stream(&mut call, &local, &settings);
        let settled = local.settle(LAST_ANSWERS, || self.is_wanted());
        let applied = local.applied();
        local.close();
        if settled && let Some(history) = &mut self.history {
            history.offset = applied.offset;
            history.db = applied.db;
        } else {
            self.forget();
        }
        outcome
    }

    /// Tells the primary what is wanted; none when it is not wanted any more.
    fn shake_hands(&self, call: &mut Call, settings: &Settings) -> Result<Option<Answer>, LinkError> {
        let mut handshake = Handshake::new(settings, self.history.as_ref());
        loop {
            call.send(&handshake.ask())?;
            let Some(line) = call.read_line(self.link(), || self.is_wanted())? else {
                return Ok(None);
            };
            if let Some(answer) = handshake.hear(&line)? {
                return Ok(Some(answer));
            }
        }
    }

    /// The primary's stream goes on where this server stands.
    fn go_on(&mut self, call: &Call, id: Option<String>) -> Result<Local, LinkError> {
        let history = self
            .history
            .as_mut()
            .ok_or(LinkError::Nonsense("a history that goes on from nowhere"))?;
        history.id = id.unwrap_or_else(|| std::mem::take(&mut history.id));
        let position = Position {
            offset: history.offset,
            db: history.db,
        };
        log::info!("The primary's stream goes on behind byte {}", position.offset);
        self.shared.primary_link.set_history(&history.id);
        let local = Local::open(&self.handle, &self.shared, call, position)?;
        let mut out = Vec::new();
        push_selection(position.db, &mut out);
        local.send(&out, &[vital(position)])?;
        Ok(local)
    }

    /// Takes over the primary's data. When that fails half-way, nothing of it is left. None when it is not wanted any more.
    fn take_over(
        &mut self,
        call: &mut Call,
        settings: &Settings,
        history: History,
    ) -> Result<Option<Local>, LinkError> {
        self.forget();
        self.enter(LinkState::Awaiting);
        self.link().note_loaded(0, 0);
        let Some(line) = call.read_line(self.link(), || self.is_wanted())? else {
            return Ok(None);
        };
        let transfer = Transfer::of_line(&line)?;
        // From here on clients are told to wait, and the role stays what it is until all is over.
        self.enter(LinkState::Loading);
        if !self.is_wanted() {
            return Ok(None);
        }
        log::info!("The primary's data comes, in place of what was here");
        let position = Position {
            offset: history.offset,
            db: 0,
        };
        let local = Local::open(&self.handle, &self.shared, call, position)?;
        local.begin_load();
        let mut load = Load::new(transfer, settings.databases);
        if let Err(error) = self.load(call, &local, &mut load, position) {
            local.close();
            self.remove_everything(call)?;
            return Err(error);
        }
        log::info!("The primary's data is here, {} bytes", load.received_bytes());
        local.end_load(Position {
            offset: history.offset,
            db: load.stream_db(),
        });
        let link = self.link();
        link.set_history(&history.id);
        link.set_read(history.offset);
        link.set_applied(history.offset);
        self.history = Some(history);
        Ok(Some(local))
    }

    fn load(&self, call: &mut Call, local: &Local, load: &mut Load, position: Position) -> Result<(), LinkError> {
        let mut out = Vec::new();
        let count = Load::push_removal(&mut out);
        local.send(&out, &vec![vital(position); count])?;
        loop {
            loop {
                out.clear();
                let count = load.push_requests(PORTION_BYTES, &mut out)?;
                if count == 0 {
                    break;
                }
                local.send(&out, &vec![vital(position); count])?;
            }
            self.link().note_loaded(load.received_bytes(), load.total_bytes());
            if let Some(rest) = load.end()? {
                call.put_back(rest);
                break;
            }
            local.check()?;
            load.feed(call.receive(self.link())?);
        }
        // What was sent may be refused up to the last.
        while !local.settle(LAST_ANSWERS, || true) {
            local.check()?;
        }
        local.check()
    }

    /// What came in part is worse than nothing.
    fn remove_everything(&self, call: &Call) -> Result<(), LinkError> {
        let local = Local::open(&self.handle, &self.shared, call, Position::default())?;
        local.begin_load();
        let mut out = Vec::new();
        let count = Load::push_removal(&mut out);
        let sent = local.send(&out, &vec![vital(Position::default()); count]);
        let settled = local.settle(LAST_ANSWERS, || true);
        local.close();
        sent?;
        if settled { Ok(()) } else { Err(LinkError::Cut) }
    }

    /// Runs what the primary runs.
    fn run_stream(&self, call: &mut Call, local: &Local, settings: &Settings) -> Result<(), LinkError> {
        let mut stream = Stream::new(local.applied(), settings.databases);
        let (mut out, mut due) = (Vec::new(), Vec::new());
        while self.is_wanted() {
            local.check()?;
            stream.feed(call.receive(self.link())?);
            let mut acknowledges = false;
            while let Some(piece) = stream.next_piece()? {
                match piece.usage {
                    Use::Run(run) => {
                        out.extend_from_slice(piece.bytes);
                        due.push(run);
                    }
                    Use::Pass(position) => local.pass(&mut due, position),
                    Use::Acknowledge(position) => {
                        local.pass(&mut due, position);
                        match due.last_mut() {
                            Some(last) => last.acknowledges = true,
                            None => acknowledges = true,
                        }
                    }
                }
                if out.len() > PORTION_BYTES {
                    local.send(&out, &due)?;
                    out.clear();
                    due.clear();
                }
            }
            local.send(&out, &due)?;
            out.clear();
            due.clear();
            if acknowledges {
                local.acknowledge();
            }
            self.link().set_read(stream.position().offset);
        }
        Ok(())
    }
}

/// What belongs to the primary's data, or decides where it goes.
fn vital(applied: Position) -> Due {
    Due {
        applied,
        is_vital: true,
        acknowledges: false,
    }
}
