//! The write-ahead log, read before SQLite reads it.
//!
//! SQLite takes a log up to the first frame whose check sum is wrong, and says nothing of what comes after:
//! that is right for the torn end of a log after a crash, and a silent loss when a bit flipped in the
//! middle. The two can be told apart. With `synchronous=FULL` a commit is synced before the next one is
//! written, so of the commits at and behind the first bad frame only the last can be a torn one: two of
//! them mean that something durable is gone (OUTBOX T3).

use std::io;
use std::path::Path;

use super::StoreError;
use super::header::word;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// Refuses a log in which something durable is damaged; an absent one and a torn end are fine.
pub(super) fn check(store: &Path, log: &Path) -> Result<(), StoreError> {
    let bytes = match std::fs::read(log) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::unusable(store, &error)),
    };
    judge(&bytes)
        .map_err(|what| StoreError::damaged(store, format!("its log {} is damaged: {what}", log.display())))
}

fn judge(log: &[u8]) -> Result<(), String> {
    // A header is synced before the first frame is written.
    if log.len() <= HEADER {
        return Ok(());
    }
    let (header, frames) = log.split_at(HEADER);
    let big_endian = match word(header, 0) {
        0x377f_0683 => true,
        0x377f_0682 => false,
        _ => return Err("its header is not one of SQLite".into()),
    };
    let mut sum = Sum { big_endian, value: (0, 0) };
    sum.add(&header[..24]);
    let page = word(header, 8) as usize;
    if sum.value != (word(header, 24), word(header, 28)) || !page.is_power_of_two() || page < 512 {
        return Err("its header does not agree with its check sum".into());
    }
    judge_frames(frames, page, &header[16..24], sum)
}

fn judge_frames(frames: &[u8], page: usize, salt: &[u8], mut sum: Sum) -> Result<(), String> {
    let mut frames = frames.chunks_exact(FRAME_HEADER + page).enumerate();
    let bad = frames.by_ref().find(|(_, frame)| !is_good(frame, salt, &mut sum));
    let Some((number, first)) = bad else { return Ok(()) };
    let is_commit = |frame: &[u8]| &frame[8..16] == salt && word(frame, 4) != 0;
    let behind = frames.filter(|(_, frame)| is_commit(frame)).count();
    match behind + usize::from(is_commit(first)) {
        0 | 1 => Ok(()),
        commits => Err(format!("frame {number} is wrong, and {commits} commits stand at or behind it")),
    }
}

fn is_good(frame: &[u8], salt: &[u8], sum: &mut Sum) -> bool {
    sum.add(&frame[..8]);
    sum.add(&frame[FRAME_HEADER..]);
    &frame[8..16] == salt && sum.value == (word(frame, 16), word(frame, 20))
}

/// SQLite's running check sum of a log.
struct Sum {
    big_endian: bool,
    value: (u32, u32),
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks_exact(8) {
            self.value.0 = self.value.0.wrapping_add(self.word(pair, 0)).wrapping_add(self.value.1);
            self.value.1 = self.value.1.wrapping_add(self.word(pair, 4)).wrapping_add(self.value.0);
        }
    }

    fn word(&self, bytes: &[u8], at: usize) -> u32 {
        let word = word(bytes, at);
        if self.big_endian { word } else { word.swap_bytes() }
    }
}
