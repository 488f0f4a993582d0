//! Commands that touch keys which they do not name: what they need is known only where they run, so they may have to begin again with it.

use super::args::Args;
use super::exec::Exec;
use super::spec::Command;
use super::waiting::Look;

/// Tells the keys that a command touches beyond those it names, given what is at the ones it names; a key may come several times.
pub type Touches = fn(Args<'_>, Look<'_>, &mut dyn FnMut(&[u8]));

impl Command {
    /// Whether it needs the interpreter.
    pub const fn runs_scripts(&self) -> bool {
        matches!(self.exec, Exec::Script(_) | Exec::Library(_))
    }

    /// Whether it may turn out to need keys that it does not name.
    pub const fn roams(&self) -> bool {
        self.runs_scripts() || matches!(self.exec, Exec::Roaming { .. })
    }
}
