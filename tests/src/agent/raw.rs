//! Bytes on a socket, for requests that no HTTP library would send.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::wait::within;

/// A connection.
pub struct Raw(TcpStream);

impl Raw {
    /// Connects to `127.0.0.1:port`.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn connect(address: &str) -> Self {
        Self(TcpStream::connect(address).await.expect("a connection"))
    }

    /// Sends bytes; the other side may have closed already.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.ok();
    }

    /// Says that nothing more comes.
    pub async fn finish(&mut self) {
        self.0.shutdown().await.ok();
    }

    /// What has come when the head of an answer and the body that it announces are there, or the
    /// connection is closed.
    ///
    /// # Panics
    /// When neither happens.
    pub async fn answer(&mut self) -> String {
        within("an answer on the socket", async {
            let mut seen = Vec::new();
            while !is_whole(&seen) && self.read_more(&mut seen).await {}
            String::from_utf8_lossy(&seen).into_owned()
        })
        .await
    }

    /// Everything up to the end of the connection.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn to_end(&mut self) -> String {
        within("the end of the connection", async {
            let mut seen = Vec::new();
            while self.read_more(&mut seen).await {}
            String::from_utf8_lossy(&seen).into_owned()
        })
        .await
    }

    /// Whether the other side says nothing, and does not close, for this long.
    pub async fn is_quiet_for(&mut self, time: Duration) -> bool {
        let mut byte = [0; 1];
        tokio::time::timeout(time, self.0.peek(&mut byte)).await.is_err()
    }

    async fn read_more(&mut self, seen: &mut Vec<u8>) -> bool {
        matches!(self.0.read_buf(seen).await, Ok(read) if read > 0)
    }
}

/// The status of an answer's head; `None` when there is no answer.
#[must_use]
pub fn status_of(answer: &str) -> Option<u16> {
    answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

fn is_whole(seen: &[u8]) -> bool {
    let text = String::from_utf8_lossy(seen).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    match length.and_then(|length| length.trim().parse::<usize>().ok()) {
        Some(length) => body.len() >= length,
        None => body.ends_with("0\r\n\r\n") || head.contains(" 204 ") || head.contains(" 304 "),
    }
}
