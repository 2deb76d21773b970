//! Connections over the limit: told so at once, and closed (B-1.7).

use std::sync::Arc;
use std::time::Duration;

use relay_mcp_core::door::Refusal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// So many are told at once. The others, which hardly are agents, are closed without a word.
const MOST_TOLD: usize = 64;
/// How long one may take to be told.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much of what it says is read and thrown away, so that it gets to read the refusal instead of a reset
/// connection.
const MOST_DISCARDED: usize = 64 << 10;

/// Who is being turned away.
pub(super) struct Crowd(Arc<Semaphore>);

impl Default for Crowd {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_TOLD)))
    }
}

impl Crowd {
    /// Tells it to come again, and closes it. Returns at once.
    pub(super) fn turn_away(&self, connection: TcpStream) {
        let Ok(permit) = Arc::clone(&self.0).try_acquire_owned() else { return };
        tokio::spawn(async move {
            // One that does not listen is closed all the same.
            let _ = timeout(PATIENCE, tell(connection)).await;
            drop(permit);
        });
    }
}

async fn tell(mut connection: TcpStream) -> std::io::Result<()> {
    connection.write_all(&answer()).await?;
    connection.shutdown().await?;
    let mut said = [0; 1024];
    let mut discarded = 0;
    while discarded < MOST_DISCARDED {
        match connection.read(&mut said).await? {
            0 => break,
            length => discarded += length,
        }
    }
    Ok(())
}

/// The answer as it stands on the wire: no HTTP is spoken with who is not let in.
fn answer() -> Vec<u8> {
    let refusal = Refusal::TooManyConnections;
    let body = refusal.body();
    let mut answer = format!("HTTP/1.1 {} Service Unavailable\r\n", refusal.status());
    for header in refusal.headers() {
        answer.push_str(&format!("{}: {}\r\n", header.name, header.value));
    }
    answer.push_str(&format!("connection: close\r\ncontent-length: {}\r\n\r\n", body.len()));
    let mut answer = answer.into_bytes();
    answer.extend_from_slice(&body);
    answer
}
