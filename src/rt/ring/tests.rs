//! What a ring offers at each level, and that all levels complete operations.

use std::time::Instant;

use io_uring::opcode;

use super::*;
use crate::rt::token::{Op, Token};

fn nop(ring: &mut Ring, index: u32) {
    let entry = opcode::Nop::new()
        .build()
        .user_data(Token::plain(Op::Ignored, index).encode());
    // SAFETY: the operation names no memory.
    unsafe { ring.push(&entry) }.expect("the queue can be emptied");
}

#[test]
fn every_level_completes_what_it_is_given() {
    for (level, kernel) in Level::LADDER {
        let mut ring = Ring::new(level).expect("the host of the tests has io_uring");
        assert!(ring.features().level <= level, "{kernel}");
        // More than the queue holds, so that pushing submits on its own.
        for index in 0..3000 {
            nop(&mut ring, index);
        }
        ring.enter(1, None).expect("submission works");
        let mut seen = Vec::new();
        while seen.len() < 3000 {
            while let Some(completion) = ring.next() {
                seen.push(Token::decode(completion.user_data()).index);
            }
            ring.enter(0, None).expect("submission works");
        }
        assert_eq!(seen, (0..3000).collect::<Vec<_>>(), "{kernel}");
    }
}

#[test]
fn waiting_ends_in_time() {
    let mut ring = Ring::new(Level::Full).expect("the host of the tests has io_uring");
    let start = Instant::now();
    ring.enter(1, Some(20_000)).expect("time running out is no error");
    assert!(start.elapsed().as_millis() >= 20);
    assert!(ring.next().is_none());
}

#[test]
fn lower_levels_say_what_is_missing() {
    let plain = Ring::new(Level::Plain)
        .expect("the host of the tests has io_uring")
        .features();
    let missing = plain.missing().expect("the plain level lacks everything");
    assert!(
        missing.contains("multishot receive") && missing.contains("deferred"),
        "{missing}"
    );
    assert_eq!(Level::of_kernel("5.15"), Some(Level::Plain));
    assert_eq!(Level::of_kernel("2.6"), None);
}

#[test]
fn refusals_name_the_setting() {
    let text = |code| refused("setup", io::Error::from_raw_os_error(code)).to_string();
    assert!(text(libc::EPERM).contains("kernel.io_uring_disabled"));
    assert!(text(libc::ENOMEM).contains("RLIMIT_MEMLOCK"));
    assert!(text(libc::ENOSYS).contains("5.15"));
    assert!(text(libc::EIO).contains("setup"));
}
