//! Resource limits of the process: open files, locked memory, huge pages.
//!
//! Owns the calls that read and raise them. It must not know who needs them.

#![allow(unsafe_code)]

use std::io;

/// A soft and a hard limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What counts.
    pub soft: u64,
    /// What the soft one may be raised to.
    pub hard: u64,
}

/// The limit on open files.
pub fn open_files() -> io::Result<Limit> {
    get(libc::RLIMIT_NOFILE)
}

/// The limit on locked memory, bytes.
pub fn locked_memory() -> io::Result<Limit> {
    get(libc::RLIMIT_MEMLOCK)
}

/// Raises the limit on open files to `wanted`, or as near to it as is allowed; answers the limit that now holds.
pub fn raise_open_files(wanted: u64) -> io::Result<u64> {
    let current = open_files()?;
    if current.soft >= wanted {
        return Ok(current.soft);
    }
    // A privileged process may pass its hard limit; the kernel says whether this is one.
    let beyond = Limit {
        soft: wanted,
        hard: current.hard.max(wanted),
    };
    if set(libc::RLIMIT_NOFILE, beyond).is_ok() {
        return Ok(wanted);
    }
    set(
        libc::RLIMIT_NOFILE,
        Limit {
            soft: current.hard,
            ..current
        },
    )?;
    Ok(current.hard)
}

/// Raises the limit on locked memory as far as is allowed.
pub fn raise_locked_memory() -> io::Result<()> {
    let current = locked_memory()?;
    if current.soft == current.hard {
        return Ok(());
    }
    set(
        libc::RLIMIT_MEMLOCK,
        Limit {
            soft: current.hard,
            ..current
        },
    )
}

/// Lets the kernel give the process no huge pages it has not asked for by name: filling one with zeros, or making room for one, stops the thread
/// that touches it first for milliseconds.
pub fn refuse_huge_pages() -> io::Result<()> {
    let (yes, unused): (libc::c_ulong, libc::c_ulong) = (1, 0);
    // SAFETY: the call takes numbers only.
    match unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, yes, unused, unused, unused) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn get(resource: libc::__rlimit_resource_t) -> io::Result<Limit> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a live place for the result.
    match unsafe { libc::getrlimit(resource, &raw mut limit) } {
        0 => Ok(Limit {
            soft: limit.rlim_cur,
            hard: limit.rlim_max,
        }),
        _ => Err(io::Error::last_os_error()),
    }
}

fn set(resource: libc::__rlimit_resource_t, limit: Limit) -> io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: limit.soft,
        rlim_max: limit.hard,
    };
    // SAFETY: `limit` is a live value of the type that the call reads.
    match unsafe { libc::setrlimit(resource, &raw const limit) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_suffices_is_left_alone() {
        let before = open_files().expect("every process has this limit");
        assert_eq!(raise_open_files(16).expect("nothing to do"), before.soft);
        assert_eq!(open_files().expect("every process has this limit"), before);
    }
}
