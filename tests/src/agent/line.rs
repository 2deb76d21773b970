//! A connection that is kept from one request to the next, as agents do.

use super::ask::Ask;
use crate::http1::{self, Answer, Connection, Sender};
use crate::wait::within;

/// At most one connection; a new one where the last was closed.
#[derive(Debug, Default)]
pub struct Line(Option<(Sender, Connection)>);

impl Line {
    /// Sends a request and reads the answer whole.
    ///
    /// # Errors
    /// When the connection is refused or breaks.
    ///
    /// # Panics
    /// When nothing happens at all.
    pub async fn send(&mut self, ask: Ask) -> Result<Answer, String> {
        within("an answer", self.try_send(ask)).await
    }

    async fn try_send(&mut self, ask: Ask) -> Result<Answer, String> {
        let (mut sender, connection) = match self.0.take() {
            Some((sender, connection)) if !sender.is_closed() => (sender, connection),
            _ => http1::begin(ask.connect().await?).await?,
        };
        sender.ready().await.map_err(|error| format!("connection: {error:?}"))?;
        let response =
            sender.send_request(ask.into_request()).await.map_err(|error| format!("request: {error:?}"))?;
        let answer = http1::read(response).await?;
        self.0 = Some((sender, connection));
        Ok(answer)
    }
}
