//! One file of the log, looked through: how far its frames are whole, and whether what follows was torn by a crash or damaged later.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use crate::base::id::TxId;
use crate::format::frame::{self, Frame, HEAD_BYTES, MAGIC, Shards};

/// How much is searched at once for frames behind a damaged one, in bytes.
const WINDOW_BYTES: usize = 1 << 20;

/// Part of a transaction over several shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The number of its frame.
    pub frame: u64,
    /// Where this begins.
    pub offset: u64,
    /// The transaction.
    pub tx: TxId,
    /// The shards that have the parts.
    pub shards: Shards,
}

/// What is in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Bytes of whole frames, from the beginning.
    pub bytes: u64,
    /// How many frames these are.
    pub frames: u64,
    /// Bytes behind them that are no whole frame.
    pub torn_bytes: u64,
    /// Which frames are parts of transactions over several shards.
    pub parts: Vec<Part>,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// What had been on disk has changed.
    #[error(
        "damaged at offset {offset}: what is there was on disk, since a later frame says so. To go on without what follows, shorten the file to \
         {offset} bytes"
    )]
    Damaged {
        /// The first byte of the damaged frame.
        offset: u64,
    },
}

/// Frames one after the other.
pub struct Frames<R> {
    input: BufReader<R>,
    /// Bytes that are left.
    left: u64,
    buffer: Vec<u8>,
}

impl<R: Read> Frames<R> {
    /// The frames in the first `bytes` of `input`.
    pub fn new(input: R, bytes: u64) -> Self {
        Frames {
            input: BufReader::with_capacity(WINDOW_BYTES, input),
            left: bytes,
            buffer: Vec::new(),
        }
    }

    /// The next frame; none when no whole one is next.
    pub fn next(&mut self) -> io::Result<Option<Frame<'_>>> {
        if self.left < HEAD_BYTES as u64 {
            return Ok(None);
        }
        let mut head = [0; HEAD_BYTES];
        self.input.read_exact(&mut head)?;
        let length = frame::length(&head);
        if length < HEAD_BYTES as u64 || length > self.left {
            return Ok(None);
        }
        self.buffer.clear();
        self.buffer.extend_from_slice(&head);
        let rest = length - HEAD_BYTES as u64;
        self.input.by_ref().take(rest).read_to_end(&mut self.buffer)?;
        self.left -= length;
        Ok(frame::read(&self.buffer).ok())
    }

    /// How many bytes the last frame took.
    pub fn len(&self) -> u64 {
        self.buffer.len() as u64
    }
}

/// Looks through a file of `bytes`.
pub fn scan(input: &mut (impl Read + Seek), bytes: u64) -> Result<Scan, ScanError> {
    let mut scan = Scan::default();
    input.seek(SeekFrom::Start(0))?;
    let mut frames = Frames::new(&mut *input, bytes);
    while let Some(frame) = frames.next()? {
        if frame.head.number != scan.frames {
            break;
        }
        if let Some((tx, shards)) = frame.head.part_of {
            scan.parts.push(Part {
                frame: scan.frames,
                offset: scan.bytes,
                tx,
                shards,
            });
        }
        scan.frames += 1;
        scan.bytes += frames.len();
    }
    scan.torn_bytes = bytes - scan.bytes;
    if scan.torn_bytes > 0 && knows_better(input, scan.bytes, bytes)? {
        return Err(ScanError::Damaged { offset: scan.bytes });
    }
    Ok(scan)
}

/// Whether there is a whole frame behind `from` that was written when the byte at `from` was on disk.
fn knows_better(input: &mut (impl Read + Seek), from: u64, end: u64) -> io::Result<bool> {
    let mut window = Vec::new();
    let mut at = from + 1;
    while at < end {
        input.seek(SeekFrom::Start(at))?;
        window.clear();
        input.by_ref().take(WINDOW_BYTES as u64).read_to_end(&mut window)?;
        for place in memchr::memmem::find_iter(&window, &MAGIC) {
            let start = at + place as u64;
            input.seek(SeekFrom::Start(start))?;
            let frame = Frames::new(&mut *input, end - start)
                .next()?
                .map(|frame| frame.head.synced_bytes);
            if frame.is_some_and(|synced| synced > from) {
                return Ok(true);
            }
        }
        // A mark may lie across the end of the window.
        at += (window.len() as u64).saturating_sub(MAGIC.len() as u64 - 1).max(1);
    }
    Ok(false)
}
