//! The end of a connection on which no HTTP is spoken any more: what is said last is to be read, so it is not
//! closed while the other side still talks, within bounds. Closing it then would be a reset, which takes the last
//! words with it.

use std::io;
use std::time::Duration;

use http::StatusCode;
use relay_mcp_core::door::Refusal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the other side may take to hear it.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much of what it says meanwhile is read and thrown away.
const MOST_DISCARDED: usize = 1 << 20;

/// Says this, and closes the connection.
pub(super) async fn refuse(mut connection: TcpStream, refusal: Refusal) {
    let words = words(refusal);
    // One that does not listen is closed all the same.
    let _ = timeout(PATIENCE, async {
        connection.write_all(&words).await?;
        hear_out(connection).await
    })
    .await;
}

/// Says this as far as it can be said without waiting, and closes the connection.
pub(super) fn refuse_at_once(connection: &TcpStream, refusal: Refusal) {
    // What it has said already would turn the end into a reset.
    let _ = connection.try_read(&mut [0; 4096]);
    let _ = connection.try_write(&words(refusal));
}

/// Closes a connection on which all is said.
pub(super) async fn close(connection: TcpStream) {
    let _ = timeout(PATIENCE, hear_out(connection)).await;
}

async fn hear_out(mut connection: TcpStream) -> io::Result<()> {
    connection.shutdown().await?;
    let mut said = [0; 4096];
    let mut discarded = 0;
    while discarded < MOST_DISCARDED {
        match connection.read(&mut said).await? {
            0 => break,
            length => discarded += length,
        }
    }
    Ok(())
}

/// The answer as it stands on the wire.
fn words(refusal: Refusal) -> Vec<u8> {
    let body = refusal.body();
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let mut answer = format!("HTTP/1.1 {status}\r\n");
    for header in refusal.headers() {
        answer.push_str(&format!("{}: {}\r\n", header.name, header.value));
    }
    answer.push_str(&format!("connection: close\r\ncontent-length: {}\r\n\r\n", body.len()));
    let mut answer = answer.into_bytes();
    answer.extend_from_slice(&body);
    answer
}
