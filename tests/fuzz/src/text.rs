//! Bodies on one line, as in the golden stories: `␊` is a line feed and `␍` a carriage return.

use relay_mcp_core::{CallId, Sent};
use relay_mcp_tests::world::{CallStage, Host};

/// The relay goes away: a call that it did not begin to answer finds nobody.
pub(crate) fn break_off(host: &mut Host, call: CallId) {
    match host.calls.get(&call).map(|known| known.stage) {
        Some(CallStage::Sent) => host.fail(call, Sent::No, "connection refused"),
        _ => host.fail(call, Sent::Unknown, "connection reset"),
    }
}

/// The bytes that a piece of a line stands for.
pub(crate) fn body(line: &str) -> Vec<u8> {
    line.replace('␊', "\n").replace('␍', "\r").into_bytes()
}

/// The first word of a line, and the rest behind the space.
pub(crate) fn word(line: &str) -> (&str, &str) {
    line.split_once(' ').unwrap_or((line, ""))
}

/// The digits with which a word ends, as a number.
pub(crate) fn number(word: &str) -> Option<u64> {
    word.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().ok()
}
