//! The agent's event stream.

use std::collections::VecDeque;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use relay_mcp_core::mcp::sse::Decoder;
use serde_json::Value;

use super::trouble::{Expecting, Trouble, check, in_time};

/// There is no more of the stream.
#[derive(Debug, thiserror::Error)]
#[error("the end of the stream")]
struct Ended;

/// An open event stream.
pub(super) struct Events {
    body: Incoming,
    decoder: Decoder,
    come: VecDeque<String>,
}

impl Events {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, decoder: Decoder::default(), come: VecDeque::new() }
    }

    /// Waits for the next message, which must be the news that the menu has changed.
    pub(super) async fn news_of_the_menu(&mut self) -> Result<(), Trouble> {
        let expected = "notifications/tools/list_changed on the event stream";
        let data = in_time(expected, self.next()).await?.expecting(expected)?;
        let message: Value = serde_json::from_str(&data).expecting(expected)?;
        check(
            "the message on the event stream",
            &message["method"],
            &Value::from("notifications/tools/list_changed"),
        )
    }

    /// Reads on to the end, which may be a sudden one: there must be no message that nobody waited for
    /// (B-9.9).
    pub(super) async fn end_without_news(mut self) -> Result<(), Trouble> {
        let expected = "the event stream to end without another message";
        match in_time(expected, self.next()).await? {
            Ok(data) => Err(Trouble::new(expected, data)),
            Err(Ended) => Ok(()),
        }
    }

    async fn next(&mut self) -> Result<String, Ended> {
        loop {
            if let Some(data) = self.come.pop_front() {
                return Ok(data);
            }
            let frame = self.body.frame().await.ok_or(Ended)?.map_err(|_| Ended)?;
            let bytes = frame.into_data().unwrap_or_else(|_| Bytes::new());
            self.come.extend(self.decoder.feed(&bytes).into_iter().filter_map(|event| event.data));
        }
    }
}
