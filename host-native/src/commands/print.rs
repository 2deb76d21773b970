//! Printing an answer as it came.

use std::io::{self, Write};

/// Writes a JSON text of the API, byte for byte, as one line.
pub(super) fn json(body: &[u8], out: &mut impl Write) -> io::Result<()> {
    out.write_all(body)?;
    out.write_all(b"\n")
}
